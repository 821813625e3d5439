#include "figures.h"

#include <stdlib.h>

FILE *figures;

void check(int holds, const char *what) {
  if (holds) return;
  perror(what);
  exit(1);
}

struct times make_times(long count) {
  struct times times = {calloc(count > 0 ? count : 1, sizeof(double)), 0};
  check(times.each != NULL, "calloc");
  return times;
}

static int compare_times(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return a < b ? -1 : a > b;
}

void tell(const char *name, struct times times) {
  qsort(times.each, times.count, sizeof(double), compare_times);
  fprintf(figures, "%s-median %.1f\n", name, times.each[times.count / 2]);
  fprintf(figures, "%s-p99 %.1f\n", name, times.each[times.count * 99 / 100]);
  free(times.each);
}
