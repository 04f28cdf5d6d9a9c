#include "resample_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace beralih {

namespace {

const ResampleKernels* kernels_for(const ResampleAxis* axis) {
  const ResampleKernels& chosen = resample_kernels();
  const bool can = axis == nullptr || !chosen.reads_pairs || axis->view().pairs != nullptr;
  return can ? &chosen : &kScalarKernels;
}

template <typename T>
void make_room(std::vector<T>& memory, size_t size) {
  if (memory.size() < size) memory.resize(size);
}

}  // namespace

ResampleStream::ResampleStream(std::shared_ptr<const ResampleAxis> columns,
                               std::shared_ptr<const ResampleAxis> rows, AxisCrop x, AxisCrop y,
                               int pixel_bytes, Image& out, StreamBuffers& buffers)
    : columns_(std::move(columns)),
      rows_(std::move(rows)),
      x_(x),
      y_(y),
      pixel_bytes_(pixel_bytes),
      out_(out),
      horizontal_(kernels_for(columns_.get())),
      vertical_(kernels_for(rows_.get())),
      row_bytes_(static_cast<size_t>(x.count) * 3),
      stride_(row_bytes_ + 1),  // a kernel may write one byte behind
      capacity_(kBatch + (rows_ ? rows_->longest_window() : 0)),
      buffers_(buffers) {
  make_room(buffers_.ring, static_cast<size_t>(capacity_) * stride_);
  if (rows_) make_room(buffers_.window, static_cast<size_t>(rows_->longest_window()));
}

int ResampleStream::begin_row() const { return rows_ ? rows_->begin() : y_.source; }
int ResampleStream::end_row() const { return rows_ ? rows_->end() : y_.source + y_.count; }
int ResampleStream::begin_column() const { return columns_ ? columns_->begin() : x_.source; }
int ResampleStream::end_column() const { return columns_ ? columns_->end() : x_.source + x_.count; }
int ResampleStream::readable_behind() const {
  return 16 + (columns_ ? columns_->view().groups * 4 * pixel_bytes_ : 0);
}

void ResampleStream::push(int first_row, int count, const uint8_t* const* rows, int first_column) {
  std::array<uint8_t*, kBatch> to;
  for (int i = 0; i < count; ++i) to[static_cast<size_t>(i)] = slot(first_row + i);
  if (columns_) {
    horizontal_->horizontal(columns_->view(), pixel_bytes_, first_column, rows, count, to.data());
  } else {
    for (int i = 0; i < count; ++i) {
      const uint8_t* from = rows[i] + static_cast<size_t>(x_.source - first_column) * pixel_bytes_;
      uint8_t* pixel = to[static_cast<size_t>(i)];
      if (pixel_bytes_ == 3) {
        std::memcpy(pixel, from, row_bytes_);
        continue;
      }
      for (int x = 0; x < x_.count; ++x) std::copy_n(from + x * 4, 3, pixel + x * 3);
    }
  }
  finish_rows(first_row + count);
}

uint8_t* ResampleStream::output_row(int index) {
  return out_.row(y_.target + index) + static_cast<size_t>(x_.target) * 3;
}

void ResampleStream::finish_rows(int end_row) {
  if (!rows_) {
    for (; finished_ < y_.count && y_.source + finished_ < end_row; ++finished_) {
      std::memcpy(output_row(finished_), slot(y_.source + finished_), row_bytes_);
    }
    return;
  }
  const AxisView view = rows_->view();
  for (; finished_ < view.outputs; ++finished_) {
    const int output = rows_->request().mirrored ? view.outputs - 1 - finished_ : finished_;
    const int first = view.firsts[output];
    const int count = view.counts[output];
    if (first + count > end_row) return;
    for (int i = 0; i < count; ++i) {
      buffers_.window[static_cast<size_t>(i)] = slot(first + i);
    }
    vertical_->vertical(view, output, buffers_.window.data(), static_cast<int>(row_bytes_),
                        output_row(output));
  }
}

void ResampleStream::push_image_rows(const Image& image, int first_row, int count) {
  std::array<const uint8_t*, kBatch> rows;
  const uint8_t* end = image.pixels.data() + image.pixels.size();
  const auto behind = static_cast<size_t>(readable_behind());
  for (int i = 0; i < count; ++i) {
    const uint8_t* row = image.row(first_row + i);
    if (static_cast<size_t>(end - row) < image.stride() + behind) {
      const size_t room = image.stride() + behind;
      make_room(buffers_.padded, room * kBatch);
      uint8_t* copy = buffers_.padded.data() + static_cast<size_t>(i) * room;
      std::memcpy(copy, row, image.stride());
      row = copy;
    }
    rows[static_cast<size_t>(i)] = row;
  }
  push(first_row, count, rows.data(), 0);
}

TransposedStream::TransposedStream(std::shared_ptr<const ResampleAxis> memory_x,
                                   std::shared_ptr<const ResampleAxis> memory_y, AxisCrop x,
                                   AxisCrop y, Image& out, StreamBuffers& buffers)
    : memory_x_(std::move(memory_x)),
      memory_y_(std::move(memory_y)),
      x_(x),
      y_(y),
      out_(out),
      along_x_(kernels_for(memory_x_.get())),
      along_y_(kernels_for(memory_y_.get())),
      row_bytes_(static_cast<size_t>(end_column() - begin_column()) * 4),
      capacity_(kBatch + memory_y_->longest_window()),
      buffers_(buffers) {
  make_room(buffers_.ring, static_cast<size_t>(capacity_) * row_bytes_);
  make_room(buffers_.window, static_cast<size_t>(memory_y_->longest_window()));
  make_room(buffers_.line, row_bytes_ + 16 + static_cast<size_t>(memory_x_->view().groups) * 16);
  make_room(buffers_.column, static_cast<size_t>(y.count) * 3 + 1);
}

void TransposedStream::push(int first_row, int count, const uint8_t* const* rows,
                            int first_column) {
  const size_t skipped = static_cast<size_t>(begin_column() - first_column) * 4;
  for (int i = 0; i < count; ++i) std::memcpy(slot(first_row + i), rows[i] + skipped, row_bytes_);
  const AxisView view = memory_y_->view();
  for (; finished_ < view.outputs; ++finished_) {
    const int output = memory_y_->request().mirrored ? view.outputs - 1 - finished_ : finished_;
    if (view.firsts[output] + view.counts[output] > first_row + count) return;
    finish_column(output);
  }
}

void TransposedStream::finish_column(int output) {
  const AxisView view = memory_y_->view();
  for (int i = 0; i < view.counts[output]; ++i) {
    buffers_.window[static_cast<size_t>(i)] = slot(view.firsts[output] + i);
  }
  along_y_->vertical(view, output, buffers_.window.data(), static_cast<int>(row_bytes_),
                     buffers_.line.data());
  const uint8_t* line = buffers_.line.data();
  uint8_t* column = buffers_.column.data();
  along_x_->horizontal(memory_x_->view(), 4, begin_column(), &line, 1, &column);
  for (int y = 0; y < y_.count; ++y) {
    std::copy_n(column + y * 3, 3, out_.row(y_.target + y) + (x_.target + output) * 3);
  }
}

}  // namespace beralih
