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

// What each of some calls took. The middle one counts: now and then a call waits for a processor
// that does something else.
struct times {
  double *each;
  long count;
};

static inline struct times make_times(long count) {
  struct times times = {calloc(count > 0 ? count : 1, sizeof(double)), 0};
  check(times.each != NULL, "calloc");
  return times;
}

static inline int compare_times(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return a < b ? -1 : a > b;
}

static inline void tell(const char *name, struct times times) {
  qsort(times.each, times.count, sizeof(double), compare_times);
  fprintf(figures, "%s %.1f\n", name, times.each[times.count / 2]);
  free(times.each);
}

// Times a call some times over, after a tenth that does not count.
#define MEASURE(name, count, call)                        \
  do {                                                    \
    struct times times = make_times(count);               \
    for (long round = -(count) / 10; round < (count);) {  \
      double start = now();                               \
      call;                                               \
      double end = now();                                 \
      if (round++ >= 0) times.each[times.count++] = end - start; \
    }                                                     \
    tell(name, times);                                    \
  } while (0)

// A call that is stopped by a filter and answered at once by a loop in C.
void measure_bare(long count);

// Requests to a software host.
void measure_requests(long count);

// Copies by the software host's accelerator.
void measure_copies(long count);

#endif
