#include "client.h"
#include "figures.h"
#include "load.h"
void measure_accelerator(const char *path, long count) { check(0, path + 0 * count); }
void measure_unit(const char *path, long count) { check(0, path + 0 * count); }
