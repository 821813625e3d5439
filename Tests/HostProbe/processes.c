// Processes: children, new programs, ends and signals.
#include "probe.h"
#include <spawn.h>

extern char **environ;

static void parent_closes(int n, char **a) {
  int fd = context(), device = open(NODE, O_RDWR), pair[2];
  CHECK(bind_to(device, fd) == 0);
  CHECK(pipe(pair) == 0);
  pid_t child = fork();
  if (child == 0) {
    char byte;
    CHECK(read(pair[0], &byte, 1) == 1);
    CHECK(ioas(fd, NULL) == 0);
    int other = open(NODE, O_RDWR), fresh = context();
    FAILS(bind_to(other, fresh), EINVAL);
    exit(0);
  }
  close(fd);
  close(device);
  CHECK(write(pair[1], "x", 1) == 1);
  join(child);
  // The child's end was the last.
  int other = open(NODE, O_RDWR), fresh = context();
  CHECK(bind_to(other, fresh) == 0);
}

/// After exec: the descriptor named is open, or not.
static void after_exec(int n, char **a) {
  int fd = atoi(a[0]);
  if (a[1][0] == 'o') CHECK(ioas(fd, NULL) == 0);
  else FAILS(ioas(fd, NULL), EBADF);
  // Memory of this program, not of the one before or the parent.
  int own = context();
  uint32_t id;
  CHECK(ioas(own, &id) == 0);
  size_t count = 64 << 20;
  char *memory = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(map(own, id, memory, count, 1 << 30) == 0);
  static char data[8192];
  CHECK(map(own, id, (void *)((uintptr_t)(data + 4095) & ~4095ul), 4096, 4 << 20) == 0);
}

static char *name;
static void spawn(int fd, const char *state, int way) {
  char number[12];
  snprintf(number, sizeof number, "%d", fd);
  char *list[] = {name, "after-exec", number, (char *)state, NULL};
  pid_t child;
  if (way == 0) {
    CHECK(posix_spawn(&child, name, NULL, NULL, list, environ) == 0);
  } else if (way == 1) {
    child = fork();
    if (child == 0) {
      CHECK(ioas(fd, NULL) == 0);
      execv(name, list);
      _exit(9);
    }
  } else {
    child = vfork();
    if (child == 0) {
      execv("/nowhere", list);
      execv(name, list);
      _exit(9);
    }
  }
  join(child);
}

static void programs(int n, char **a) {
  static char path[4096];
  CHECK(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
  name = path;
  int open_one = open("/dev/iommu", O_RDWR), closing = open("/dev/iommu", O_RDWR | O_CLOEXEC);
  uint32_t id;
  CHECK(ioas(open_one, &id) == 0 && ioas(closing, NULL) == 0);
  static char data[8192];
  CHECK(map(open_one, id, (void *)((uintptr_t)(data + 4095) & ~4095ul), 4096, 4 << 20) == 0);
  for (int way = 0; way < 3; way++) {
    spawn(open_one, "open", way);
    spawn(closing, "closed", way);
  }
  CHECK(ioas(closing, NULL) == 0);
}

static volatile int stopping;
static void *requests(void *fd) {
  while (!stopping) ioas(*(int *)fd, NULL);
  return NULL;
}

/// Another thread makes requests while this one replaces the program.
static void exec_among_threads(int n, char **a) {
  static char path[4096];
  CHECK(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
  static int fd;
  int round = n > 0 ? atoi(a[0]) : 0;
  if (n > 1) FAILS(ioas(atoi(a[1]), NULL), EBADF);
  if (round == 20) return;
  fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
  pthread_t all[3];
  for (int i = 0; i < 3; i++) pthread_create(&all[i], NULL, requests, &fd);
  usleep(1000);
  char next[12], number[12];
  snprintf(next, sizeof next, "%d", round + 1);
  snprintf(number, sizeof number, "%d", fd);
  execl(path, path, "exec-among-threads", next, number, NULL);
  CHECK(0);
}

static void crowd(int n, char **a) {
  int fd = context();
  pid_t all[300];
  int pair[2];
  CHECK(pipe(pair) == 0);
  for (int i = 0; i < 300; i++) {
    all[i] = fork();
    CHECK(all[i] >= 0);
    if (all[i] == 0) {
      char byte;
      int own = context();
      CHECK(ioas(fd, NULL) == 0 && ioas(own, NULL) == 0);
      close(pair[1]);
      // All of them live at once.
      CHECK(read(pair[0], &byte, 1) == 0);
      CHECK(ioas(own, NULL) == 0);
      _exit(0);
    }
  }
  close(pair[1]);
  for (int i = 0; i < 300; i++) join(all[i]);
}

/// One after the other, each with memory that only its own addresses reach.
static void generations(int n, char **a) {
  int count = n > 0 ? atoi(a[0]) : 1200;
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) {
      int own = context();
      uint32_t id;
      static char data[8192];
      CHECK(ioas(own, &id) == 0);
      CHECK(map(own, id, (void *)((uintptr_t)(data + 4095) & ~4095ul), 4096, 4 << 20) == 0);
      _exit(0);
    }
    join(child);
  }
}

static volatile int alarms;
static void ring(int signal) { alarms++; }

/// Each request is carried out once. A handler without SA_RESTART may interrupt one before it was
/// taken, which seccomp cannot keep from happening: it did nothing then.
static long again(long answer, int restart) {
  return !restart && answer == -1 && errno == EINTR ? -2 : answer;
}

static void storm(int n, char **a) {
  // Whoever starts this may keep signals blocked.
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  CHECK(sigprocmask(SIG_UNBLOCK, &alarm, NULL) == 0);
  for (int restart = 0; restart < 2; restart++) {
    struct sigaction action = {.sa_handler = ring, .sa_flags = restart ? SA_RESTART : 0};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    int fd;
    while ((fd = again(open("/dev/iommu", O_RDWR), restart)) == -2) {}
    uint32_t last = 0, id;
    for (int i = 0; i < 2000; i++) {
      long answer;
      while ((answer = again(ioas(fd, &id), restart)) == -2) {}
      CHECK(answer == 0);
      CHECK(last == 0 || id == last + 1);
      last = id;
      int other;
      while ((other = again(open("/dev/iommu", O_RDWR), restart)) == -2) {}
      CHECK(other >= 0);
      while ((answer = again(close(other), restart)) == -2) {}
      CHECK(answer == 0);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(close(fd) == 0);
  }
  CHECK(alarms > 0);
}

static void killed(int n, char **a) {
  for (int i = 0; i < 30; i++) {
    int pair[2];
    CHECK(pipe(pair) == 0);
    pid_t child = fork();
    if (child == 0) {
      int fd = context(), device = open(NODE, O_RDWR);
      CHECK(bind_to(device, fd) == 0);
      CHECK(write(pair[1], "x", 1) == 1);
      uint32_t id;
      static char data[8192];
      CHECK(ioas(fd, &id) == 0);
      for (;;) {
        map(fd, id, (void *)((uintptr_t)(data + 4095) & ~4095ul), 4096, 4 << 20);
        struct unmap u = {24, id, 4 << 20, 4096};
        ioctl(fd, REQUEST(IOAS_UNMAP), &u);
      }
    }
    char byte;
    CHECK(read(pair[0], &byte, 1) == 1);
    usleep(i * 100);
    kill(child, SIGKILL);
    CHECK(waitpid(child, NULL, 0) == child);
    int fd = context(), device = open(NODE, O_RDWR);
    CHECK(bind_to(device, fd) == 0);
    close(device);
    close(fd);
  }
}

static void everything_open(int n, char **a) {
  int fd = context(), device = open(NODE, O_RDWR);
  CHECK(bind_to(device, fd) == 0);
  uint32_t id;
  static char data[8192];
  CHECK(ioas(fd, &id) == 0);
  CHECK(map(fd, id, (void *)((uintptr_t)(data + 4095) & ~4095ul), 4096, 4 << 20) == 0);
  struct attach t = {12, 0, id};
  CHECK(ioctl(device, REQUEST(ATTACH), &t) == 0);
}

const struct probe_case process_cases[] = {
    {"parent-closes", parent_closes}, {"after-exec", after_exec}, {"programs", programs},
    {"exec-among-threads", exec_among_threads}, {"crowd", crowd},
    {"generations", generations}, {"storm", storm}, {"killed", killed},
    {"everything-open", everything_open}, {0}};
