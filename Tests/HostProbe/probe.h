// What the cases of the probe share: requests by number, and checks that say where they stand.
#ifndef PROBE_H
#define PROBE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(what)                                                                          \
  do {                                                                                       \
    if (!(what)) {                                                                           \
      printf("%s:%d: %s (errno %d)\n", __func__, __LINE__, #what, errno);                    \
      exit(1);                                                                               \
    }                                                                                        \
  } while (0)
#define FAILS(call, number)                                                                  \
  do {                                                                                       \
    errno = 0;                                                                               \
    long answer_ = (long)(call);                                                             \
    if (answer_ != -1 || errno != (number)) {                                                \
      printf("%s:%d: %s is %ld, errno %d\n", __func__, __LINE__, #call, answer_, errno);     \
      exit(1);                                                                               \
    }                                                                                        \
  } while (0)

#define REQUEST(number) _IO(';', number)
enum {
  DESTROY = 0x80, IOAS_ALLOC, IOAS_MAP = 0x85, IOAS_UNMAP, FAULT_QUEUE = 0x8e,
  GET_INFO = 107, REGION_INFO, IRQ_INFO, SET_IRQS, RESET, BIND = 118, ATTACH, DETACH,
};
struct ioas { uint32_t size, flags, id; };
struct map { uint32_t size, flags, ioas, reserved; uint64_t address, count, iova; };
struct unmap { uint32_t size, ioas; uint64_t iova, count; };
struct queue { uint32_t size, flags, id, fd; };
struct info { uint32_t argsz, flags, regions, irqs, caps, pad; };
struct region { uint32_t argsz, flags, index, caps; uint64_t size, offset; };
struct bind { uint32_t argsz, flags; int32_t iommufd; uint32_t id; };
struct attach { uint32_t argsz, flags, table; };

#define NODE "/dev/vfio/devices/vfio0"

static inline int context(void) {
  int fd = open("/dev/iommu", O_RDWR);
  CHECK(fd >= 0);
  return fd;
}
static inline long ioas(int fd, uint32_t *id) {
  struct ioas a = {12, 0, 0};
  long answer = ioctl(fd, REQUEST(IOAS_ALLOC), &a);
  if (id) *id = a.id;
  return answer;
}
static inline long bind_to(int device, int context) {
  struct bind b = {16, 0, context, 0};
  return ioctl(device, REQUEST(BIND), &b);
}
static inline long map(int fd, uint32_t id, void *address, uint64_t count, uint64_t iova) {
  struct map m = {40, 7, id, 0, (uint64_t)address, count, iova};
  return ioctl(fd, REQUEST(IOAS_MAP), &m);
}
static inline void join(pid_t child) {
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  if (status != 0) {
    printf("a child ended with status %x\n", status);
    exit(1);
  }
}
static inline void send_fd(int socket, int fd) {
  char data = 0, control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec piece = {&data, 1};
  struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control,
                     .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  CHECK(sendmsg(socket, &m, 0) == 1);
}
static inline int receive_fd(int socket) {
  char data, control[CMSG_SPACE(sizeof(int))];
  struct iovec piece = {&data, 1};
  struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control,
                     .msg_controllen = sizeof control};
  CHECK(recvmsg(socket, &m, 0) == 1);
  int fd;
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
  return fd;
}

struct probe_case { const char *name; void (*run)(int count, char **arguments); };
extern const struct probe_case descriptor_cases[], process_cases[], hostile_cases[];

#endif
