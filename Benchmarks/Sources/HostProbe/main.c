// Measures what trapped calls cost.
//
//   HostProbe bare FILE COUNT       one that a loop in C answers at once: the baseline
//   HostProbe requests FILE COUNT   requests and config reads, to be run as a program of `passage host`
//   HostProbe copies FILE COUNT     copies by the accelerator, likewise
#include "probe.h"

#include <string.h>

FILE *figures;

int main(int count, char **arguments) {
  if (count != 4) {
    fprintf(stderr, "see Benchmarks/run\n");
    return 64;
  }
  figures = fopen(arguments[2], "w");
  check(figures != NULL, arguments[2]);
  long rounds = atol(arguments[3]);
  if (strcmp(arguments[1], "bare") == 0) measure_bare(rounds);
  if (strcmp(arguments[1], "requests") == 0) measure_requests(rounds);
  if (strcmp(arguments[1], "copies") == 0) measure_copies(rounds);
  return fclose(figures) == 0 ? 0 : 1;
}
