#if defined(__linux__)
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

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
#else
/* Other systems have no such calls; the file keeps the target from being empty. */
typedef int clinux_nothing;
#endif
