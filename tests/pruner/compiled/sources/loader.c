// Loads a library that was made for another processor, under an emulator that has no C library's headers.
// Prints what its functions answer, and of each record where its unit lies and a hash of how that begins.
#define RUNTIME hip
#include "runtime.c"

typedef struct { const char *path; void *base; const char *name; void *address; } Place;
void *dlopen(const char *path, int mode);
void *dlsym(void *library, const char *name);
char *dlerror(void);
int dladdr(void *address, Place *place);
int printf(const char *format, ...);
void exit(int status);

int atexit(void (*function)(void)) { return 0; }

static unsigned long hash(const unsigned char *data) {
    unsigned long value = 14695981039346656037ul;
    for (int at = 0; at < 40000; ++at) value = (value ^ data[at]) * 1099511628211ul;
    return value;
}

int run(int count, char **arguments) {
    void *library = dlopen(arguments[count - 1], 2);
    if (!library) return printf("%s\n", dlerror()), 1;
    int (*first)(int) = dlsym(library, "answer1"), (*second)(int) = dlsym(library, "answer2");
    printf("%d %d\n", first(7), second(7));
    for (int index = 0; index < registered(); ++index) {
        unsigned char *unit = ((unsigned char **)registration(index))[1];
        Place place;
        dladdr(unit, &place);
        printf("%#lx %#lx\n", (unsigned long)(unit - (unsigned char *)place.base), hash(unit));
    }
    return 0;
}

__attribute__((naked, noreturn)) void _start(void) {
    __asm__("ldr x0, [sp]\n add x1, sp, 8\n bl run\n bl exit");
}
