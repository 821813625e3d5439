#define _GNU_SOURCE
// Measures servers of the vfio-user protocol.
//
//   VFIOUserProbe bare SOCKET
//     serves the baseline
//   VFIOUserProbe load|accelerator|unit one|two SOCKET FIGURES COUNT SERVER...
//     starts a server, measures it, ends it; on one processor, or on one each
#include "figures.h"
#include "load.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

// The first and the last processor that this process may use.
static void find_processors(int *first, int *last) {
  cpu_set_t all;
  check(sched_getaffinity(0, sizeof all, &all) == 0, "sched_getaffinity");
  *first = *last = -1;
  for (int processor = 0; processor < CPU_SETSIZE; processor++) {
    if (!CPU_ISSET(processor, &all)) continue;
    if (*first < 0) *first = processor;
    *last = processor;
  }
}

static void stay_on(int processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  check(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
}

// Waits for the server's socket, for some minutes at most.
static void await(const char *path, pid_t server) {
  for (int milliseconds = 0; milliseconds < 200000; milliseconds++) {
    if (access(path, F_OK) == 0) return;
    check(waitpid(server, NULL, WNOHANG) == 0, "the server ended");
    usleep(1000);
  }
  kill(server, SIGKILL);
  check(0, "no socket");
}

static pid_t server;
static void end_server(void) {
  kill(server, SIGTERM);
  for (int milliseconds = 0; waitpid(server, NULL, WNOHANG) == 0; milliseconds++) {
    if (milliseconds == 60000) kill(server, SIGKILL);
    usleep(1000);
  }
}

static void measure(char **arguments) {
  const char *what = arguments[0], *path = arguments[2];
  long count = atol(arguments[4]);
  int first, last;
  find_processors(&first, &last);
  int is_apart = strcmp(arguments[1], "two") == 0;
  if (is_apart) check(first != last, "two processors");
  // The last one: the first one of many machines serves their interrupts.
  stay_on(last);
  unlink(path);
  server = fork();
  check(server >= 0, "fork");
  if (server == 0) {
    execvp(arguments[5], arguments + 5);
    check(0, arguments[5]);
  }
  await(path, server);
  atexit(end_server);
  if (is_apart) stay_on(first);
  spins = is_apart;
  if (strcmp(what, "load") == 0) measure_load(path, count);
  else if (strcmp(what, "accelerator") == 0) measure_accelerator(path, count);
  else measure_unit(path, count);
}

int main(int count, char **arguments) {
  if (count == 3 && strcmp(arguments[1], "bare") == 0) serve_bare(arguments[2]);
  if (count < 7) {
    fprintf(stderr, "see Benchmarks/run\n");
    return 64;
  }
  figures = fopen(arguments[4], "w");
  check(figures != NULL, arguments[4]);
  measure(arguments + 1);
  return fclose(figures) == 0 ? 0 : 1;
}
