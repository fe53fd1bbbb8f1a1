/* A libnvidia-ml.so.1 with two GPUs. The second one is a passively cooled card that does not know its power. */
#include <stdio.h>
#include <string.h>

enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3 };
typedef struct { int index; } device;
typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned int gpu, memory; } utilization;
static device devices[2] = {{0}, {1}};

int nvmlInit_v2(void) { return SUCCESS; }
int nvmlInitWithFlags(unsigned int flags) { (void)flags; return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return code == NOT_SUPPORTED ? "Not Supported" : "error"; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return SUCCESS; }

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, device **handle) {
    if (index > 1) return INVALID;
    *handle = &devices[index];
    return SUCCESS;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, device **handle) {
    if (strncmp(uuid, "GPU-fake-", 9) || (uuid[9] != '0' && uuid[9] != '1')) return INVALID;
    *handle = &devices[uuid[9] - '0'];
    return SUCCESS;
}

int nvmlDeviceGetMinorNumber(device *d, unsigned int *minor) {
    *minor = 240 + d->index; /* no such device node: binding it is skipped */
    return SUCCESS;
}

int nvmlDeviceGetUUID(device *d, char *text, unsigned int length) {
    snprintf(text, length, "GPU-fake-%d", d->index);
    return SUCCESS;
}

int nvmlDeviceGetName(device *d, char *text, unsigned int length) {
    (void)d;
    snprintf(text, length, "Fake H100");
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(device *d, memory *m) {
    m->total = 80ULL << 30;
    m->used = (unsigned long long)(10 + d->index) << 30;
    m->free = m->total - m->used;
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(device *d, utilization *u) {
    u->gpu = 40 + d->index;
    u->memory = 20;
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(device *d, unsigned int *milliwatts) {
    if (d->index == 1) return NOT_SUPPORTED;
    *milliwatts = 312500;
    return SUCCESS;
}

int nvmlDeviceGetTemperature(device *d, int sensor, unsigned int *degrees) {
    (void)sensor;
    *degrees = 60 + d->index;
    return SUCCESS;
}
