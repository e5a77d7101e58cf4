// PART tells a translation unit from another; ENTRIES is what its code weighs.
#define JOIN(name, part) name##part
#define NAME(name, part) JOIN(name, part)

#ifndef ENTRIES
#define ENTRIES 10000
#endif
#ifndef __CUDA_ARCH__
#define __CUDA_ARCH__ 0
#endif

// Numbers of each chip's own that do not repeat: code of this weight is not compressed away.
struct Table {
    unsigned entries[ENTRIES];
    constexpr Table() : entries() {
        unsigned value = PART * 10000 + __CUDA_ARCH__;
        for (unsigned &entry : entries) entry = value = (value ^ value >> 15) * 2246822519u + 3266489917u;
    }
};
__device__ constexpr Table table;

template <int ROUNDS> __global__ void NAME(mix, PART)(unsigned *data) {
    unsigned at = threadIdx.x;
    for (int round = 0; round < ROUNDS; ++round) data[at] ^= table.entries[(data[at] + round) % ENTRIES];
}

template __global__ void NAME(mix, PART)<1>(unsigned *);
template __global__ void NAME(mix, PART)<7>(unsigned *);

extern "C" int NAME(answer, PART)(int question) { return question * 6 + PART; }
