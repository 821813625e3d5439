#ifndef PROBE_H
#define PROBE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// Where the figures go, a line each: a name and nanoseconds.
extern FILE *figures;

static inline double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static inline void check(int holds, const char *what) {
  if (holds) return;
  perror(what);
  exit(1);
}

static inline void tell(const char *name, double nanoseconds) {
  fprintf(figures, "%s %.1f\n", name, nanoseconds);
}

// A call that is stopped by a filter and answered at once by a loop in C.
void measure_bare(long count);

// Requests to a software host.
void measure_requests(long count);

// Copies by the software host's accelerator.
void measure_copies(long count);

#endif
