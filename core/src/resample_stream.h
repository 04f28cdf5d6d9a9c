// Resampling rows as they come, so that the whole source is never needed at once.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "beralih/image.h"
#include "resample_axis.h"

namespace beralih {

/// What a centre crop keeps of one axis: `count` pixels from index `source` of the resized image,
/// at index `target` of the crop.
struct AxisCrop {
  int source;
  int target;
  int count;
};

/// torchvision's CenterCrop along one axis (functional.py 560-596).
AxisCrop axis_crop(int size, int crop);

/// Makes `out` an image of one colour; its memory is used again.
void blank_crop(Size size, std::array<uint8_t, 3> pad_value, Image& out);

/// Memory that one stream after the other works in. It grows and never shrinks.
struct StreamBuffers {
  std::vector<uint8_t> ring;
  std::vector<const uint8_t*> window;
  std::vector<uint8_t> padded;
  std::vector<uint8_t> line;    ///< TransposedStream: one source line, resampled along memory_y
  std::vector<uint8_t> column;  ///< the same, resampled along memory_x too
};

/// Horizontal pass over every row that arrives, into a ring of as many rows as a vertical window
/// needs; an output row is made as soon as its window is complete. The horizontal pass stores
/// bytes, as Pillow's does, so the result does not depend on how the rows arrive.
class ResampleStream {
 public:
  static constexpr int kBatch = 16;

  /// A null axis copies: row and column i of the crop are source + i. `out` and `buffers` must
  /// outlive the stream, and `buffers` serve no other one meanwhile.
  ResampleStream(std::shared_ptr<const ResampleAxis> columns,
                 std::shared_ptr<const ResampleAxis> rows, AxisCrop x, AxisCrop y, int pixel_bytes,
                 Image& out, StreamBuffers& buffers);

  /// The source rows that are needed, begin..end - 1.
  int begin_row() const;
  int end_row() const;
  /// The source columns that are needed.
  int begin_column() const;
  int end_column() const;
  /// How many bytes behind a row's end may be read (their values do not matter).
  int readable_behind() const;

  /// The next `count` <= kBatch rows, from `first_row` on, in order and without gaps; pixels start
  /// at column `first_column`.
  void push(int first_row, int count, const uint8_t* const* rows, int first_column);

  /// The same from a whole image of 3-byte pixels, whose rows may be too short for the kernels.
  void push_image_rows(const Image& image, int first_row, int count);

 private:
  uint8_t* slot(int row) {
    return buffers_.ring.data() + static_cast<size_t>(row % capacity_) * stride_;
  }
  void finish_rows(int end_row);
  uint8_t* output_row(int index);

  std::shared_ptr<const ResampleAxis> columns_;
  std::shared_ptr<const ResampleAxis> rows_;
  AxisCrop x_;
  AxisCrop y_;
  int pixel_bytes_;
  Image& out_;
  const ResampleKernels* horizontal_;
  const ResampleKernels* vertical_;
  size_t row_bytes_;
  size_t stride_;
  int capacity_;
  int finished_ = 0;  ///< output rows
  StreamBuffers& buffers_;
};

/// The same for a source that lies transposed in memory (a picture taken with the camera on its
/// side): its columns are the picture's rows. The picture's horizontal pass is then the one along
/// memory's columns, and comes first: over a ring of whole source rows.
class TransposedStream {
 public:
  static constexpr int kBatch = ResampleStream::kBatch;

  /// `memory_x` makes the picture's rows, `memory_y` its columns; neither is null. Pixels of 4
  /// bytes.
  TransposedStream(std::shared_ptr<const ResampleAxis> memory_x,
                   std::shared_ptr<const ResampleAxis> memory_y, AxisCrop x, AxisCrop y, Image& out,
                   StreamBuffers& buffers);

  int begin_row() const { return memory_y_->begin(); }
  int end_row() const { return memory_y_->end(); }
  int begin_column() const { return memory_x_->begin(); }
  int end_column() const { return memory_x_->end(); }
  int readable_behind() const { return 0; }

  /// As ResampleStream::push.
  void push(int first_row, int count, const uint8_t* const* rows, int first_column);

 private:
  uint8_t* slot(int row) {
    return buffers_.ring.data() + static_cast<size_t>(row % capacity_) * row_bytes_;
  }
  void finish_column(int output);

  std::shared_ptr<const ResampleAxis> memory_x_;
  std::shared_ptr<const ResampleAxis> memory_y_;
  AxisCrop x_;
  AxisCrop y_;
  Image& out_;
  const ResampleKernels* along_x_;
  const ResampleKernels* along_y_;
  size_t row_bytes_;
  int capacity_;
  int finished_ = 0;  ///< output columns
  StreamBuffers& buffers_;
};

}  // namespace beralih
