#if defined(__linux__)
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
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

int64_t clinux_fork(void) {
  pid_t child = fork();
  return child == -1 ? -(int64_t)errno : child;
}

int64_t clinux_execute(uint64_t path, uint64_t arguments) {
  execve((const char *)(uintptr_t)path, (char *const *)(uintptr_t)arguments, environ);
  return -(int64_t)errno;
}

const int32_t clinux_mkdirat = SYS_mkdirat, clinux_symlinkat = SYS_symlinkat,
              clinux_mknodat = SYS_mknodat, clinux_readlinkat = SYS_readlinkat,
              clinux_statx = SYS_statx, clinux_faccessat = SYS_faccessat,
              clinux_mount = SYS_mount, clinux_chdir = SYS_chdir, clinux_fchmod = SYS_fchmod,
              clinux_umask = SYS_umask;
const int32_t clinux_unshare = SYS_unshare, clinux_prctl = SYS_prctl,
              clinux_seccomp = SYS_seccomp, clinux_wait4 = SYS_wait4, clinux_kill = SYS_kill,
              clinux_exit_group = SYS_exit_group, clinux_pidfd_open = SYS_pidfd_open,
              clinux_pidfd_getfd = SYS_pidfd_getfd, clinux_geteuid = SYS_geteuid,
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
const int32_t clinux_socketpair = SYS_socketpair, clinux_shutdown = SYS_shutdown;
#else
/* Other systems have no such calls; the file keeps the target from being empty. */
typedef int clinux_nothing;
#endif
