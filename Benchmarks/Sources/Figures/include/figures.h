#ifndef FIGURES_H
#define FIGURES_H

#include <stdio.h>
#include <time.h>

// Where the figures go, a line each: a name and nanoseconds.
extern FILE *figures;

static inline double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

// Ends the process with the reason for what does not hold.
void check(int holds, const char *what);

// What each of some calls took.
struct times {
  double *each;
  long count;
};

// Room for so many.
struct times make_times(long count);

// Writes the middle one, which a call that waits for a busy processor does not move, and the one that
// a hundredth of the calls are beyond. The room is gone after that.
void tell(const char *name, struct times times);

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
