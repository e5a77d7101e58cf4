/* NVIDIA's management library where there is no NVIDIA GPU: it reports one device of compute capability
   MAJOR.MINOR. No header is needed. */

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };

static int device;

static int copy(const char *from, char *to, unsigned size) {
    for (unsigned at = 0; at < size; at++)
        if (!(to[at] = from[at])) return SUCCESS;
    return INSUFFICIENT_SIZE;
}

int nvmlInit(void) { return SUCCESS; }
int nvmlInit_v2(void) { return SUCCESS; }
int nvmlInitWithFlags(unsigned flags) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int error) { return "a stub can do nothing"; }

int nvmlSystemGetDriverVersion(char *version, unsigned size) { return copy("580.00", version, size); }
int nvmlSystemGetCudaDriverVersion(int *version) { *version = 13000; return SUCCESS; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 13000; return SUCCESS; }

int nvmlDeviceGetCount(unsigned *count) { *count = 1; return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 1; return SUCCESS; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    if (index) return INVALID_ARGUMENT;
    *handle = &device;
    return SUCCESS;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle) { *handle = &device; return SUCCESS; }
int nvmlDeviceGetIndex(void *handle, unsigned *index) { *index = 0; return SUCCESS; }
int nvmlDeviceGetName(void *handle, char *name, unsigned size) { return copy("stub", name, size); }

int nvmlDeviceGetUUID(void *handle, char *uuid, unsigned size) {
    return copy("GPU-00000000-0000-0000-0000-000000000000", uuid, size);
}

int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) {
    *major = MAJOR;
    *minor = MINOR;
    return SUCCESS;
}

struct memory { unsigned long long total, free, used; };
struct memory_v2 { unsigned version; unsigned long long total, reserved, free, used; };

int nvmlDeviceGetMemoryInfo(void *handle, struct memory *memory) {
    memory->total = memory->free = 64ULL << 30;
    memory->used = 0;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(void *handle, struct memory_v2 *memory) {
    memory->total = memory->free = 64ULL << 30;
    memory->reserved = memory->used = 0;
    return SUCCESS;
}

int nvmlDeviceGetP2PStatus(void *one, void *other, int index, int *status) { *status = 0; return SUCCESS; }
int nvmlDeviceGetNumaNodeId(void *handle, unsigned *node) { return NOT_FOUND; }
