#ifndef PROBE_H
#define PROBE_H

#include "figures.h"

// A call that is stopped by a filter and answered at once by a loop in C.
void measure_bare(long count);

// Requests to a software host.
void measure_requests(long count);

// Copies by the software host's accelerator.
void measure_copies(long count);

#endif
