// Arguments that no sane program gives, and limits.
#include "probe.h"

static char *two_pages(void) {
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED && munmap(page + 4096, 4096) == 0);
  return page;
}

static void arguments(int n, char **a) {
  int fd = context(), device = open(NODE, O_RDWR);
  CHECK(bind_to(device, fd) == 0);
  char *page = two_pages();
  uint32_t sizes[] = {0, 1, 3, 7, 0x7fffffff, 0xffffffff, 4096, 4097, 200};
  for (int request = 0x80; request < 0x94; request++) {
    for (int s = 0; s < 9; s++) {
      for (int place = 0; place < 6; place++) {
        char *at = (char *[]){page, page + 4096 - 4, page + 4095, page + 4096 - 12, NULL,
                              (char *)-8l}[place];
        if (place < 2 || place == 3) {
          memset(page, 0xff, 4096);
          memcpy(at, &sizes[s], 4);
        }
        ioctl(fd, REQUEST(request), at);
        ioctl(device, REQUEST(request), at);
      }
    }
  }
  for (int request = 100; request < 128; request++) {
    if (request == BIND || request == SET_IRQS) continue;
    for (int s = 0; s < 9; s++) {
      for (int place = 0; place < 6; place++) {
        char *at = (char *[]){page, page + 4096 - 4, page + 4095, page + 4096 - 12, NULL,
                              (char *)-8l}[place];
        for (int fill = 0; fill < 2; fill++) {
          if (place < 2 || place == 3) {
            memset(page, fill ? 0xff : 0, 4096);
            memcpy(at, &sizes[s], 4);
          }
          ioctl(fd, REQUEST(request), at);
          ioctl(device, REQUEST(request), at);
        }
      }
    }
  }
  int whole = context();
  CHECK(ioas(whole, NULL) == 0);
  struct ioas small = {0};
  FAILS(ioctl(whole, REQUEST(IOAS_ALLOC), &small), EINVAL);
  FAILS(ioctl(whole, REQUEST(IOAS_ALLOC), page + 4096), EFAULT);
  FAILS(ioctl(whole, REQUEST(IOAS_ALLOC), page + 4096 - 8), EFAULT);
  struct ioas *unaligned = (void *)(page + 1);
  memcpy(unaligned, &(struct ioas){12, 0, 0}, 12);
  CHECK(ioctl(whole, REQUEST(IOAS_ALLOC), unaligned) == 0);
  memcpy(page, &(struct ioas){12, 0, 0}, 12);
  CHECK(mprotect(page, 4096, PROT_READ) == 0);
  FAILS(ioctl(whole, REQUEST(IOAS_ALLOC), page), EFAULT);
  CHECK(ioas(whole, NULL) == 0);
}

static _Atomic int done;
static void *scribble(void *memory) {
  struct region *r = memory;
  unsigned seed = 1;
  while (!done) {
    seed = seed * 1103515245 + 12345;
    __atomic_store_n(&r->index, seed & 64 ? 0 : 0xffffffff, __ATOMIC_RELAXED);
    __atomic_store_n(&r->offset, seed & 128 ? 0xffffffffffffffff : 0, __ATOMIC_RELAXED);
    __atomic_store_n(&r->argsz, seed & 256 ? 32 : 0xffffffff, __ATOMIC_RELAXED);
  }
  return NULL;
}

/// A structure that another thread changes while it is read and answered.
static void scribbles(int n, char **a) {
  int fd = context(), device = open(NODE, O_RDWR);
  CHECK(bind_to(device, fd) == 0);
  // Room for all that the answer may hold when the structure claims to be long.
  struct region *shared = (void *)two_pages();
  shared->argsz = 32;
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, scribble, shared);
  for (int i = 0; i < 3000; i++) ioctl(device, REQUEST(REGION_INFO), shared);
  done = 1;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  struct region r = {32, 0, 7};
  CHECK(ioctl(device, REQUEST(REGION_INFO), &r) == 0 && r.size > 0);
}

static void many(int n, char **a) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  static int all[2000];
  for (int i = 0; i < 2000; i++) {
    all[i] = open("/dev/iommu", O_RDWR);
    CHECK(all[i] >= 0);
  }
  for (int i = 0; i < 2000; i++) CHECK(ioas(all[i], NULL) == 0);
  for (int i = 0; i < 2000; i++) CHECK(close(all[i]) == 0);
  FAILS(ioas(all[1999], NULL), EBADF);
}

static void low_limit(int n, char **a) {
  struct rlimit limit = {64, 64};
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  int fd = context();
  CHECK(ioas(fd, NULL) == 0);
  int count = 1;
  while (open("/dev/iommu", O_RDWR) >= 0) count++;
  CHECK(errno == EMFILE && count > 20);
}

static void full_event(int n, char **a) {
  int fd = context(), device = open(NODE, O_RDWR);
  CHECK(bind_to(device, fd) == 0);
  int event = eventfd(0, 0);
  uint64_t most = 0xfffffffffffffffe;
  CHECK(write(event, &most, 8) == 8);
  struct { uint32_t argsz, flags, index, start, count; int32_t fd; } set =
      {24, 1 << 2 | 1 << 5, 2, 0, 1, event};
  CHECK(ioctl(device, REQUEST(SET_IRQS), &set) == 0);
  struct { uint32_t argsz, flags, index, start, count; } fire = {20, 1 << 0 | 1 << 5, 2, 0, 1};
  for (int i = 0; i < 3; i++) CHECK(ioctl(device, REQUEST(SET_IRQS), &fire) == 0);
  CHECK(read(event, &most, 8) == 8);
  CHECK(ioctl(device, REQUEST(SET_IRQS), &fire) == 0);
  CHECK(read(event, &most, 8) == 8 && most == 1);
  close(event);
  CHECK(ioctl(device, REQUEST(SET_IRQS), &fire) == 0);
}

static void opens_for_long(int n, char **a) {
  int count = n > 0 ? atoi(a[0]) : 3000;
  for (int i = 0; i < count; i++) {
    int fd = context();
    CHECK(ioas(fd, NULL) == 0);
    close(fd);
  }
}

const struct probe_case hostile_cases[] = {
    {"arguments", arguments}, {"scribbles", scribbles}, {"many", many},
    {"low-limit", low_limit}, {"full-event", full_event}, {"opens", opens_for_long}, {0}};
