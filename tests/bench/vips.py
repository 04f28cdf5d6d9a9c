"""libvips through ctypes: Debian 12 packages the library, not its Python binding."""
import ctypes
import ctypes.util

import numpy

KERNELS = {"bilinear": 1, "bicubic": 2}  # VipsKernel: LINEAR, CUBIC


class Vips:
    def __init__(self):
        name = ctypes.util.find_library("vips")
        if name is None:
            raise OSError("libvips is not installed (toolchains/packages/bench.txt)")
        self.lib = ctypes.CDLL(name)
        self.glib = ctypes.CDLL(ctypes.util.find_library("gobject-2.0"))
        for function in ("vips_image_new_from_buffer", "vips_image_write_to_memory"):
            getattr(self.lib, function).restype = ctypes.c_void_p
        self.lib.vips_error_buffer.restype = ctypes.c_char_p
        if self.lib.vips_init(b"bench") != 0:
            raise OSError("libvips could not be started")
        self.lib.vips_concurrency_set(1)
        self.lib.vips_cache_set_max(0)

    def _check(self, failed):
        if failed:
            raise OSError(self.lib.vips_error_buffer().decode())

    def resized(self, data, side, kernel):
        """The whole picture decoded, its shorter side scaled to `side`: 8-bit pixels, height x width x 3."""
        source = self.lib.vips_image_new_from_buffer(data, ctypes.c_size_t(len(data)), b"", None)
        self._check(source is None)
        source = ctypes.c_void_p(source)
        small = ctypes.c_void_p()
        size = (self.lib.vips_image_get_width(source), self.lib.vips_image_get_height(source))
        self._check(self.lib.vips_resize(source, ctypes.byref(small), ctypes.c_double(side / min(size)),
                                         b"kernel", ctypes.c_int(KERNELS[kernel]), None))
        shape = (self.lib.vips_image_get_height(small), self.lib.vips_image_get_width(small), 3)
        count = ctypes.c_size_t()
        memory = self.lib.vips_image_write_to_memory(small, ctypes.byref(count))
        self._check(memory is None)
        pixels = numpy.frombuffer((ctypes.c_uint8 * count.value).from_address(memory), numpy.uint8).reshape(shape).copy()
        self.glib.g_free(ctypes.c_void_p(memory))
        self.glib.g_object_unref(small)
        self.glib.g_object_unref(source)
        return pixels
