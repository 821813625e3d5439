#ifndef COUNTING_H
#define COUNTING_H

#include <stdint.h>

/// Whether allocations are counted: only glibc has a malloc that another one can stand in front of.
int counting_works(void);

/// The number of calls of malloc, calloc and realloc in this process so far.
uint64_t counting_allocations(void);

#endif
