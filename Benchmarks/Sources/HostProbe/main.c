#define _GNU_SOURCE
// Measures what trapped calls cost.
//
//   HostProbe bare FILE COUNT       one that a loop in C answers at once: the baseline
//   HostProbe requests FILE COUNT   requests and config reads, to be run as a program of `passage host`
//   HostProbe copies FILE COUNT     copies by the accelerator, likewise
//   HostProbe pinned PROGRAM ...    runs a program on one processor, with all that it starts
#include "probe.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void run_pinned(char **command) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  check(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
  execv(command[0], command);
  check(0, command[0]);
}

int main(int count, char **arguments) {
  if (count > 2 && strcmp(arguments[1], "pinned") == 0) run_pinned(arguments + 2);
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
