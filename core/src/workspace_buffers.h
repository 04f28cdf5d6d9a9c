// What a Workspace holds.
#pragma once

#include "beralih/image.h"
#include "beralih/preprocess.h"
#include "codecs/codecs.h"
#include "resample_stream.h"

namespace beralih {

struct Workspace::Buffers {
  codecs::LineMemory lines;  ///< decoded lines, as many as are handed on at once
  StreamBuffers stream;
  Image cropped;
};

}  // namespace beralih
