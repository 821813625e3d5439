#ifndef FIGURES_H
#define FIGURES_H

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

// What each of some calls took.
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

// The middle one, and the one that a hundredth of the calls are beyond.
static inline void tell(const char *name, struct times times) {
  qsort(times.each, times.count, sizeof(double), compare_times);
  fprintf(figures, "%s-median %.1f\n", name, times.each[times.count / 2]);
  fprintf(figures, "%s-p99 %.1f\n", name, times.each[times.count * 99 / 100]);
  free(times.each);
}

// Times a call some times over, after a tenth that does not count: all of them together, for the rate,
// and each by itself.
#define MEASURE(name, rounds, call)                                 \
  do {                                                              \
    struct times times = make_times(rounds);                        \
    double first = 0, last = 0;                                     \
    for (long round = -(rounds) / 10; round < (rounds); round++) {  \
      double start = now();                                         \
      if (round == 0) first = start;                                \
      call;                                                         \
      last = now();                                                 \
      if (round >= 0) times.each[times.count++] = last - start;     \
    }                                                               \
    fprintf(figures, "%s %.1f\n", name, (last - first) / (rounds)); \
    tell(name, times);                                              \
  } while (0)

#endif
