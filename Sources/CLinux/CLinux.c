#if defined(__linux__)
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

_Static_assert(sizeof(long) == 8, "an argument of a system call holds 64 bits");

int64_t clinux_call(int32_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                    uint64_t f) {
  long result = syscall(number, a, b, c, d, e, f);
  return result == -1 ? -(int64_t)errno : result;
}

const int32_t clinux_openat = SYS_openat, clinux_close = SYS_close, clinux_fcntl = SYS_fcntl,
              clinux_ioctl = SYS_ioctl;
const int32_t clinux_read = SYS_read, clinux_write = SYS_write, clinux_pread = SYS_pread64,
              clinux_pwrite = SYS_pwrite64, clinux_ppoll = SYS_ppoll;
const int32_t clinux_eventfd = SYS_eventfd2, clinux_memfd = SYS_memfd_create,
              clinux_ftruncate = SYS_ftruncate;
const int32_t clinux_mmap = SYS_mmap, clinux_mprotect = SYS_mprotect,
              clinux_munmap = SYS_munmap;
const int32_t clinux_process_read = SYS_process_vm_readv,
              clinux_process_write = SYS_process_vm_writev, clinux_getpid = SYS_getpid;
const int32_t clinux_flock = SYS_flock;
const int32_t clinux_pidfd_open = SYS_pidfd_open, clinux_pidfd_getfd = 438,
              clinux_fstat = SYS_fstat;
const int32_t clinux_inotify_init = SYS_inotify_init1, clinux_inotify_add = SYS_inotify_add_watch,
              clinux_inotify_remove = SYS_inotify_rm_watch;
const int32_t clinux_epoll_create = SYS_epoll_create1, clinux_epoll_control = SYS_epoll_ctl,
              clinux_epoll_wait = SYS_epoll_pwait;
const int32_t clinux_pipe = SYS_pipe2, clinux_capget = SYS_capget, clinux_prlimit = SYS_prlimit64,
              clinux_fstatfs = SYS_fstatfs;
const int32_t clinux_socketpair = SYS_socketpair,
              clinux_readlinkat = SYS_readlinkat;
const int32_t clinux_close_range = 436, clinux_lseek = SYS_lseek, clinux_dup = SYS_dup,
              clinux_dup3 = SYS_dup3, clinux_statx = SYS_statx, clinux_openat2 = 437,
              clinux_readv = SYS_readv, clinux_writev = SYS_writev, clinux_preadv = SYS_preadv,
              clinux_pwritev = SYS_pwritev, clinux_preadv2 = SYS_preadv2,
              clinux_pwritev2 = SYS_pwritev2, clinux_sendfile = SYS_sendfile,
              clinux_splice = SYS_splice, clinux_copy_file_range = SYS_copy_file_range,
              clinux_execve = SYS_execve, clinux_execveat = SYS_execveat,
              clinux_io_submit = SYS_io_submit, clinux_io_uring_setup = 425,
              clinux_io_uring_enter = 426, clinux_io_uring_register = 427,
              clinux_faccessat = SYS_faccessat;
#if defined(__x86_64__)
const int32_t clinux_newfstatat = SYS_newfstatat, clinux_open = SYS_open, clinux_dup2 = SYS_dup2,
              clinux_stat = SYS_stat, clinux_lstat = SYS_lstat;
const uint32_t clinux_architecture = 0xC000003E;
#elif defined(__aarch64__)
const int32_t clinux_newfstatat = 79, clinux_open = -1, clinux_dup2 = -1, clinux_stat = -1,
              clinux_lstat = -1;
const uint32_t clinux_architecture = 0xC00000B7;
#elif defined(__riscv)
const int32_t clinux_newfstatat = 79, clinux_open = -1, clinux_dup2 = -1, clinux_stat = -1,
              clinux_lstat = -1;
const uint32_t clinux_architecture = 0xC00000F3;
#else
#error "the calls of this architecture are not known"
#endif

/* A start of zero is a free place. Read in a signal handler, also while a place that is not the
   handler's changes: the start is written last, and what was read counts only if no change began
   meanwhile. */
struct guard_place {
  _Atomic uint64_t start, size, page_size, missing_pages, changes;
};
enum { guard_places = 16384, guard_single_pages = 4, guard_all_single_pages = 4096 };
static struct guard_place guarded[guard_places];
static _Atomic uint64_t guard_hits;
/* Single pages that were replaced in the ranges that there are: each takes two mappings more. */
static _Atomic uint64_t guard_pieces;
static struct sigaction guard_before;

static int guard_replace(uint64_t start, uint64_t size) {
  void *place = (void *)(uintptr_t)start;
  return mmap(place, size, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == place;
}

static void guard_signal(int number, siginfo_t *info, void *context) {
  uint64_t address = (uint64_t)(uintptr_t)info->si_addr;
  for (int index = 0; index < guard_places; index++) {
    struct guard_place *place = &guarded[index];
    uint64_t changes = place->changes, start = place->start, whole = place->size;
    uint64_t size = place->page_size;
    if (start == 0 || address < start || address - start >= whole) continue;
    /* The range that holds the address is in use, so that its own place does not change. */
    if (place->changes != changes) continue;
    uint64_t end = start + whole;
    uint64_t first = address & ~(size - 1);
    /* A process has so many mappings and no more: of a file that misses many pages, all that follow
       are replaced at once, and of many such files all pages. */
    if (place->missing_pages++ >= guard_single_pages) {
      size = end - first;
    } else if (guard_pieces++ >= guard_all_single_pages) {
      first = start;
      size = end - start;
    }
    /* A whole range is one mapping in place of at least one. */
    if (!guard_replace(first, size) && !guard_replace(start, end - start)) break;
    guard_hits++;
    return;
  }
  /* Somebody else's: the access comes again and meets whoever was there before. */
  sigaction(SIGBUS, &guard_before, 0);
}

static void guard_begin(void) {
  struct sigaction action = {0};
  action.sa_sigaction = guard_signal;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGBUS, &action, &guard_before);
}

int32_t clinux_guard(uint64_t start, uint64_t byte_count, uint64_t page_size) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_once(&once, guard_begin);
  pthread_mutex_lock(&lock);
  int32_t done = 0;
  for (int index = 0; index < guard_places && !done; index++) {
    struct guard_place *place = &guarded[index];
    if (place->start != 0) continue;
    place->changes++;
    place->missing_pages = 0;
    place->size = byte_count;
    place->page_size = page_size;
    place->start = start;
    done = 1;
  }
  pthread_mutex_unlock(&lock);
  return done;
}

uint64_t clinux_guard_missing(uint64_t start) {
  for (int index = 0; index < guard_places; index++) {
    if (guarded[index].start == start) return guarded[index].missing_pages;
  }
  return 0;
}

void clinux_unguard(uint64_t start) {
  for (int index = 0; index < guard_places; index++) {
    struct guard_place *place = &guarded[index];
    if (place->start != start) continue;
    uint64_t pieces = place->missing_pages;
    place->start = 0;
    guard_pieces -= pieces < guard_single_pages ? pieces : guard_single_pages;
  }
}

uint64_t clinux_guard_hits(void) { return guard_hits; }

/* A write to an eventfd may wait for whoever has it as well, who can fill it at any moment and says
   whether writes wait. The kernel's own way to signal one never waits; it is reached by a request that
   is over at once, to read nothing of an empty file. */
enum { notice_places = 256 };
static aio_context_t notice_context;
static int notice_file = -1;

static void notice_begin(void) {
  notice_file = (int)syscall(SYS_memfd_create, "notice", 1u /* close at exec */);
  if (notice_file < 0) return;
  if (syscall(SYS_io_setup, notice_places, &notice_context) != 0) notice_context = 0;
}

void clinux_notify_begin(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, notice_begin);
}

int32_t clinux_notify(int32_t eventfd) {
  clinux_notify_begin();
  if (notice_context == 0) return 0;
  struct iocb request = {.aio_lio_opcode = IOCB_CMD_PREAD,
                         .aio_fildes = (uint32_t)notice_file,
                         .aio_flags = IOCB_FLAG_RESFD,
                         .aio_resfd = (uint32_t)eventfd};
  struct iocb *requests[] = {&request};
  /* Answers are looked at by nobody, and taken out when there is no place for more; who comes again
     and again finds one as soon as the others have theirs. */
  for (int turn = 0; turn < 1000; turn++) {
    if (syscall(SYS_io_submit, notice_context, 1L, requests) == 1) return 1;
    if (errno != EAGAIN) return 0;
    struct io_event done[64];
    struct timespec now = {0};
    syscall(SYS_io_getevents, notice_context, 0L, 64L, done, &now);
  }
  return 0;
}

int64_t clinux_fork(void) {
  pid_t child = fork();
  return child == -1 ? -(int64_t)errno : child;
}

int64_t clinux_execute(uint64_t path, uint64_t arguments) {
  execve((const char *)(uintptr_t)path, (char *const *)(uintptr_t)arguments, environ);
  return -(int64_t)errno;
}

int64_t clinux_spawn(uint64_t name, uint64_t arguments, uint64_t blocked_signals) {
  posix_spawnattr_t attributes;
  sigset_t blocked;
  pid_t child = -1;
  int problem = posix_spawnattr_init(&attributes);
  if (problem != 0) return -(int64_t)problem;
  sigemptyset(&blocked);
  for (int signal = 1; signal <= 64; signal++) {
    if (blocked_signals >> (signal - 1) & 1) sigaddset(&blocked, signal);
  }
  posix_spawnattr_setsigmask(&attributes, &blocked);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  problem = posix_spawnp(&child, (const char *)(uintptr_t)name, NULL, &attributes,
                         (char *const *)(uintptr_t)arguments, environ);
  posix_spawnattr_destroy(&attributes);
  return problem != 0 ? -(int64_t)problem : child;
}

const int32_t clinux_mkdirat = SYS_mkdirat, clinux_symlinkat = SYS_symlinkat,
              clinux_mknodat = SYS_mknodat, clinux_mount = SYS_mount, clinux_chdir = SYS_chdir, clinux_fchmod = SYS_fchmod,
              clinux_umask = SYS_umask;
const int32_t clinux_unshare = SYS_unshare, clinux_prctl = SYS_prctl,
              clinux_seccomp = SYS_seccomp, clinux_wait4 = SYS_wait4, clinux_kill = SYS_kill,
              clinux_exit_group = SYS_exit_group, clinux_geteuid = SYS_geteuid,
              clinux_getegid = SYS_getegid, clinux_getppid = SYS_getppid;
int32_t clinux_xstate_offset(int32_t component) {
#if defined(__x86_64__)
  uint32_t size = 0, offset = 0, c = 0, d = 0;
  if (!__get_cpuid_count(0xd, (uint32_t)component, &size, &offset, &c, &d)) return 0;
  return size == 0 ? 0 : (int32_t)offset;
#else
  (void)component;
  return 0;
#endif
}

static void awake(int signal) { (void)signal; }

int64_t clinux_wake_by(int32_t signal) {
  struct sigaction action = {.sa_handler = awake};
  return sigaction(signal, &action, 0) == 0 ? 0 : -(int64_t)errno;
}

const int32_t clinux_ptrace = SYS_ptrace, clinux_tgkill = SYS_tgkill, clinux_gettid = SYS_gettid;
const int32_t clinux_sigprocmask = SYS_rt_sigprocmask, clinux_signalfd = SYS_signalfd4;
const int32_t clinux_shutdown = SYS_shutdown, clinux_setsockopt = SYS_setsockopt;
const int32_t clinux_socket = SYS_socket, clinux_bind = SYS_bind, clinux_listen = SYS_listen,
              clinux_accept = SYS_accept4, clinux_connect = SYS_connect;
const int32_t clinux_sendmsg = SYS_sendmsg, clinux_recvmsg = SYS_recvmsg,
              clinux_unlinkat = SYS_unlinkat;
#else
/* Other systems have no such calls; the file keeps the target from being empty. */
typedef int clinux_nothing;
#endif
