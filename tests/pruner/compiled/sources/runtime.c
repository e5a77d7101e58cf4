// A stand-in for a GPU's runtime library: it remembers what libraries register with it. RUNTIME is its prefix.
#define JOIN(prefix, name) __##prefix##name
#define OF(prefix, name) JOIN(prefix, name)

static void *wrappers[64];
static int count;

void **OF(RUNTIME, RegisterFatBinary)(void *wrapper) {
    wrappers[count] = wrapper;
    return &wrappers[count++];
}

int registered(void) { return count; }
void *registration(int index) { return wrappers[index]; }

void OF(RUNTIME, RegisterFatBinaryEnd)(void **handle) {}
void OF(RUNTIME, UnregisterFatBinary)(void **handle) {}
void OF(RUNTIME, RegisterFunction)(void) {}
void OF(RUNTIME, RegisterVar)(void) {}
void OF(RUNTIME, RegisterManagedVar)(void) {}
void OF(RUNTIME, RegisterSurface)(void) {}
void OF(RUNTIME, RegisterTexture)(void) {}
int OF(RUNTIME, PushCallConfiguration)(void) { return 0; }
int OF(RUNTIME, PopCallConfiguration)(void) { return 0; }
char OF(RUNTIME, InitModule)(void **handle) { return 1; }
int hipLaunchKernel(void) { return 0; }
int cudaLaunchKernel(void) { return 0; }
int __cudaLaunchKernel(void) { return 0; }
int __cudaGetKernel(void) { return 0; }
int cudaGetFuncBySymbol(void) { return 0; }
