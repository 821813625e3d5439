// Descriptors: their copies, their ends, and the ways to a file besides requests.
#include "probe.h"

static void copies(int n, char **a) {
  int fd = context();
  int low[] = {dup(fd), dup2(fd, 40), dup3(fd, 41, O_CLOEXEC), fcntl(fd, F_DUPFD, 50),
               fcntl(fd, F_DUPFD_CLOEXEC, 900)};
  for (int i = 0; i < 5; i++) {
    CHECK(low[i] >= 0);
    CHECK(ioas(low[i], NULL) == 0);
  }
  CHECK(low[1] == 40 && low[2] == 41 && low[3] >= 50);
  CHECK(fcntl(low[1], F_GETFD) == 0);
  CHECK(fcntl(low[2], F_GETFD) == FD_CLOEXEC);
  CHECK(fcntl(low[4], F_GETFD) == FD_CLOEXEC);
  close(fd);
  FAILS(ioas(fd, NULL), EBADF);
  for (int i = 0; i < 5; i++) {
    CHECK(ioas(low[i], NULL) == 0);
    close(low[i]);
    FAILS(ioas(low[i], NULL), EBADF);
  }
  FAILS(dup2(fd, 60), EBADF);
  FAILS(fcntl(fd, F_DUPFD, 0), EBADF);
  // A number of ours that becomes another file's.
  int again = context(), null = open("/dev/null", O_RDWR);
  CHECK(dup2(null, again) == again);
  FAILS(ioas(again, NULL), ENOTTY);
  CHECK(write(again, "x", 1) == 1);
}

static void duplicate_bounds(int n, char **a) {
  int fd = context();
  CHECK(fcntl(fd, F_DUPFD, 1000) >= 1000);
  FAILS(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
  FAILS(fcntl(fd, F_DUPFD, -1), EINVAL);
  FAILS(dup3(fd, fd, 0), EINVAL);
  FAILS(dup2(fd, 1 << 30), EBADF);
  CHECK(dup2(fd, fd) == fd);
  CHECK(ioas(fd, NULL) == 0);
}

static void *opens(void *stop) {
  while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
    int fd = open("/dev/iommu", O_RDWR);
    if (fd < 0 || ioas(fd, NULL) != 0) return (void *)1;
    if (close(fd) != 0) return (void *)2;
    int pair[2];
    if (pipe(pair) != 0) return (void *)3;
    close(pair[0]);
    close(pair[1]);
  }
  return NULL;
}

static void threads(int n, char **a) {
  int stop = 0;
  pthread_t all[4];
  for (int i = 0; i < 4; i++) pthread_create(&all[i], NULL, opens, &stop);
  for (int i = 0; i < 100; i++) {
    int fd = context();
    CHECK(ioas(fd, NULL) == 0);
    close(fd);
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < 4; i++) {
    void *result;
    pthread_join(all[i], &result);
    CHECK(result == NULL);
  }
}

static void last_close(int n, char **a) {
  for (int i = 0; i < 3; i++) {
    int device = open(NODE, O_RDWR), fd = context();
    CHECK(device >= 0);
    CHECK(bind_to(device, fd) == 0);
    int other = open(NODE, O_RDWR);
    CHECK(other >= 0);
    int second = context();
    FAILS(bind_to(other, second), EINVAL);
    int copy = dup(device);
    close(device);
    FAILS(bind_to(other, second), EINVAL);
    if (i == 0) close(copy);
    if (i == 1) CHECK(dup2(second, copy) == copy);
    if (i == 2) CHECK(close_range(copy, copy, 0) == 0);
    CHECK(bind_to(other, second) == 0);
    close_range(3, 1023, 0);
  }
}

static void passing(int n, char **a) {
  int pair[2], fd = context(), device = open(NODE, O_RDWR);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  send_fd(pair[0], fd);
  int own = receive_fd(pair[1]);
  CHECK(ioas(own, NULL) == 0);
  CHECK(bind_to(device, own) == 0);
  pid_t child = fork();
  if (child == 0) {
    close_range(500, 1023, 0);
    close(own);
    int received = receive_fd(pair[1]);
    struct info i = {24};
    CHECK(ioctl(received, REQUEST(GET_INFO), &i) == 0);
    // It is the last one.
    int other = open(NODE, O_RDWR), fresh = context();
    FAILS(bind_to(other, fresh), EINVAL);
    close(received);
    CHECK(bind_to(other, fresh) == 0);
    exit(0);
  }
  send_fd(pair[0], device);
  close(device);
  close(fd);
  close(own);
  join(child);
}

static void node_paths(int n, char **a) {
  char folder[] = "/tmp/probe-XXXXXX", path[64];
  CHECK(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/iommu", folder);
  CHECK(symlink("/dev/iommu", path) == 0);
  int fd = open(path, O_RDWR);
  CHECK(fd >= 0 && ioas(fd, NULL) == 0);
  CHECK(unlink(path) == 0);
  rmdir(folder);
  CHECK(chdir("/dev/vfio") == 0);
  CHECK(open("devices/../devices/./vfio0", O_RDWR) >= 0);
  CHECK(open("../iommu", O_RDWR) >= 0);
  int below = open("/dev", O_RDONLY | O_DIRECTORY);
  CHECK(ioas(openat(below, "iommu", O_RDWR), NULL) == 0);
  FAILS(openat(-1, "iommu", O_RDWR), EBADF);
  int only = open("/dev/iommu", O_PATH);
  CHECK(only >= 0);
  FAILS(ioas(only, NULL), EBADF);
  snprintf(path, sizeof path, "/proc/self/fd/%d", only);
  CHECK(ioas(open(path, O_RDWR), NULL) == 0);
  // Opening a descriptor by its path opens the node once more.
  for (int way = 0; way < 2; way++) {
    int first = context(), again;
    uint32_t id;
    CHECK(ioas(first, &id) == 0);
    if (way == 0) snprintf(path, sizeof path, "/proc/self/fd/%d", first);
    if (way == 1) snprintf(path, sizeof path, "%d", first);
    again = way == 1 ? openat(open("/proc/self/fd", O_RDONLY), path, O_RDWR) : open(path, O_RDWR);
    CHECK(again >= 0);
    struct { uint32_t size, id; } destroy = {8, id};
    FAILS(ioctl(again, REQUEST(DESTROY), &destroy), ENOENT);
    CHECK(ioctl(first, REQUEST(DESTROY), &destroy) == 0);
    close(first);
    CHECK(ioas(again, NULL) == 0);
    close(again);
  }
  FAILS(open("/dev/vfio/devices/vfio77", O_RDWR), ENOENT);
  FAILS(open("/dev/iommu/x", O_RDWR), ENOTDIR);
  FAILS(open((char *)8, O_RDWR), EFAULT);
}

static void other_calls(int n, char **a) {
  int fd = context(), device = open(NODE, O_RDWR), pair[2], null = open("/dev/null", O_RDWR);
  CHECK(pipe(pair) == 0);
  CHECK(bind_to(device, fd) == 0);
  struct region r = {32, 0, 7};
  CHECK(ioctl(device, REQUEST(REGION_INFO), &r) == 0);
  uint16_t id[4] = {0};
  CHECK(pread(device, id, 4, r.offset) == 4 && id[0] == 0x8086);
  struct iovec two[2] = {{&id[1], 2}, {&id[2], 2}};
  uint16_t product = id[1];
  CHECK(preadv(device, two, 2, r.offset) == 4 && id[1] == 0x8086 && id[2] == product);
  CHECK(preadv2(device, two, 2, r.offset, 0) == 4);
  FAILS(preadv(device, two, 1025, r.offset), EINVAL);
  FAILS(pread(device, (void *)8, 4, r.offset), EFAULT);
  FAILS(read(fd, id, 4), EINVAL);
  FAILS(write(fd, id, 4), EINVAL);
  loff_t place = r.offset;
  errno = 0;
  CHECK(syscall(SYS_sendfile, null, device, &place, 4) == -1);
  CHECK(syscall(SYS_splice, device, &place, pair[1], NULL, 4, 0) == -1);
  CHECK(syscall(SYS_copy_file_range, device, &place, null, NULL, 4, 0) == -1);
  FAILS(syscall(SYS_io_uring_setup, 8, &place), ENOSYS);
  // The same through a number that was received or chosen.
  int low = dup2(device, 40);
  CHECK(pread(low, id, 4, r.offset) == 4 && id[0] == 0x8086);
  CHECK(ftruncate(device, 0) == -1);
}

static void queue_reads(int n, char **a) {
  int fd = context();
  struct queue q = {16};
  CHECK(ioctl(fd, REQUEST(FAULT_QUEUE), &q) == 0);
  char page[4096];
  int low = dup2(q.fd, 40);
  struct pollfd p = {q.fd, POLLIN};
  CHECK(poll(&p, 1, 0) == 0);
  CHECK(read(q.fd, page, 4000) == 0);
  FAILS(read(q.fd, page, 41), ESPIPE);
  FAILS(write(q.fd, page, 7), ESPIPE);
  CHECK(low == 40);
  p.fd = low;
  CHECK(poll(&p, 1, 0) == 0);
  close(low);
  close(q.fd);
  FAILS(read(q.fd, page, 1), EBADF);
}

const struct probe_case descriptor_cases[] = {
    {"copies", copies}, {"duplicate-bounds", duplicate_bounds}, {"threads", threads},
    {"last-close", last_close}, {"passing", passing}, {"node-paths", node_paths},
    {"other-calls", other_calls}, {"queue-reads", queue_reads}, {0}};
