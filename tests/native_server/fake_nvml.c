// NVIDIA's management library as far as telemetry/nvml.cpp calls it, with one card, "GPU-1".
#include <string.h>

int nvmlInit_v2(void) { return 0; }
int nvmlSystemGetDriverVersion(char* version, unsigned length) {
  strncpy(version, "580.1", length);
  return 0;
}
int nvmlDeviceGetHandleByUUID(const char* uuid, void** device) {
  static int card;
  *device = &card;
  return strcmp(uuid, "GPU-1") == 0 ? 0 : 6;
}
int nvmlDeviceGetClockInfo(void* device, int clock, unsigned* mhz) {
  *mhz = clock == 1 ? 1980 : 2619;
  return device == 0;
}
int nvmlDeviceGetTemperature(void* device, int sensor, unsigned* celsius) {
  *celsius = 41;
  return device == 0 || sensor != 0;
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  *milliwatts = 123500;
  return device == 0;
}
