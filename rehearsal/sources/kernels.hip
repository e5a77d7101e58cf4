// Kernels without ROCm: what its headers would declare stands here. PART tells a translation unit from another.
#define JOIN(name, part) name##part
#define NAME(name, part) JOIN(name, part)

struct dim3 { unsigned x, y, z; };
typedef struct ihipStream_t *hipStream_t;
typedef enum { hipSuccess } hipError_t;

extern "C" {
hipError_t hipLaunchKernel(const void *, dim3, dim3, void **, unsigned long, hipStream_t);
hipError_t __hipPushCallConfiguration(dim3, dim3, unsigned long = 0, hipStream_t = 0);
hipError_t __hipPopCallConfiguration(dim3 *, dim3 *, unsigned long *, hipStream_t *);
}

#ifdef __amdgcn_target_id__
#define CHIP __amdgcn_target_id__
#else
#define CHIP "host"
#endif

// Numbers of each chip's own that do not repeat: code of this weight is not compressed away.
struct Table {
    unsigned entries[10000];
    constexpr Table() : entries() {
        unsigned value = PART;
        for (const char *letter = CHIP; *letter; ++letter) value = value * 31 + *letter;
        for (unsigned &entry : entries) entry = value = (value ^ value >> 15) * 2246822519u + 3266489917u;
    }
};
__attribute__((constant)) constexpr Table table;

__attribute__((global)) void NAME(mix, PART)(unsigned *data) {
    unsigned at = __builtin_amdgcn_workitem_id_x();
    data[at] ^= table.entries[data[at] % 10000];
}
