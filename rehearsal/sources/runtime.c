// The part of HIP's runtime that libraries call when they are loaded; it knows no device.
static int handle;

void **__hipRegisterFatBinary(void *wrapper) { return (void **)&handle; }
void __hipUnregisterFatBinary(void **handle) {}
void __hipRegisterFunction(void) {}
void __hipRegisterVar(void) {}
int __hipPushCallConfiguration(void) { return 0; }
int __hipPopCallConfiguration(void) { return 0; }
int hipLaunchKernel(void) { return 0; }
int hipGetDeviceCount(int *count) { *count = 0; return 100; }
int hipRuntimeGetVersion(int *version) { *version = 100000000; return 0; }
