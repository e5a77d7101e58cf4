/* NVIDIA's driver where there is no NVIDIA GPU: it reports one device of compute capability MAJOR.MINOR, which
   can do nothing. What is not here is appended as a function that gives an error. No header is needed. */

enum { SUCCESS = 0, NOT_FOUND = 500, CUDA_13 = 13000, CAPABILITY_MAJOR = 75, CAPABILITY_MINOR = 76 };

int cuInit(unsigned flags) { return SUCCESS; }
int cuDriverGetVersion(int *version) { *version = CUDA_13; return SUCCESS; }
int cuDeviceGetCount(int *count) { *count = 1; return SUCCESS; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return SUCCESS; }

int cuDeviceGetName(char *name, int size, int device) {
    const char *stub = "stub";
    for (int at = 0; at < size; at++)
        if (!(name[at] = stub[at])) break;
    return SUCCESS;
}

int cuDeviceTotalMem_v2(unsigned long *bytes, int device) { *bytes = 64UL << 30; return SUCCESS; }

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == CAPABILITY_MAJOR ? MAJOR : attribute == CAPABILITY_MINOR ? MINOR : 1;
    return SUCCESS;
}

int cuGetErrorString(int error, const char **text) { *text = "a stub can do nothing"; return SUCCESS; }
int cuGetErrorName(int error, const char **text) { *text = "STUB"; return SUCCESS; }
int cuGetProcAddress_v2(const char *symbol, void **function, int version, unsigned long flags, int *status) {
    *function = 0;
    if (status) *status = 1;
    return NOT_FOUND;
}

