/* Linux's system calls by number, for calls that Swift's C library module does not show. */
#ifndef PASSAGE_CLINUX_H
#define PASSAGE_CLINUX_H

#if defined(__linux__)
#include <stdint.h>

/*
 * Makes one system call. Answers what the kernel answers: a result, or an error number below zero.
 * There is no errno in between that other code could change.
 */
int64_t clinux_call(int32_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                    uint64_t f);

/* The numbers of this architecture. */
extern const int32_t clinux_openat, clinux_close, clinux_fcntl, clinux_ioctl;
extern const int32_t clinux_read, clinux_write, clinux_pread, clinux_pwrite, clinux_ppoll;
extern const int32_t clinux_eventfd, clinux_memfd, clinux_ftruncate;
extern const int32_t clinux_mmap, clinux_mprotect, clinux_munmap;
extern const int32_t clinux_process_read, clinux_process_write, clinux_getpid;
extern const int32_t clinux_flock;
extern const int32_t clinux_pidfd_open, clinux_pidfd_getfd, clinux_fstat;
extern const int32_t clinux_inotify_init, clinux_inotify_add, clinux_inotify_remove;
extern const int32_t clinux_epoll_create, clinux_epoll_control, clinux_epoll_wait;
extern const int32_t clinux_pipe, clinux_capget, clinux_prlimit, clinux_fstatfs;
extern const int32_t clinux_socketpair, clinux_readlinkat;

/* The calls that a program's filter sees. */
extern const int32_t clinux_close_range, clinux_lseek, clinux_dup, clinux_dup3, clinux_statx;
extern const int32_t clinux_newfstatat, clinux_openat2, clinux_readv, clinux_writev;
extern const int32_t clinux_preadv, clinux_pwritev, clinux_preadv2, clinux_pwritev2;
extern const int32_t clinux_sendfile, clinux_splice, clinux_copy_file_range;
extern const int32_t clinux_execve, clinux_execveat, clinux_io_submit;
extern const int32_t clinux_io_uring_setup, clinux_io_uring_enter, clinux_io_uring_register;
/* Calls that only some architectures have; -1 elsewhere. */
extern const int32_t clinux_open, clinux_dup2, clinux_stat, clinux_lstat;
extern const int32_t clinux_faccessat;
/* AUDIT_ARCH of this architecture. */
extern const uint32_t clinux_architecture;

/*
 * Memory that somebody else may shorten: a touch behind its end finds zeros from then on, not SIGBUS.
 * Answers whether there is room to note it, up to 16,384 ranges.
 */
int32_t clinux_guard(uint64_t start, uint64_t byte_count, uint64_t page_size);
/* Forgets a range. */
void clinux_unguard(uint64_t start);
/* How often pages of a range were replaced by zeros; 0 for one that nobody has noted. */
uint64_t clinux_guard_missing(uint64_t start);
/* How many pages were replaced by zeros so far. */
uint64_t clinux_guard_hits(void);
/*
 * Adds one to an eventfd without ever waiting, whoever has it as well; answers whether that was done.
 * It cannot be where the kernel has no asynchronous requests, or no room for them.
 */
int32_t clinux_notify(int32_t eventfd);
/* Takes what clinux_notify() needs, which its first call does otherwise: a descriptor among others. */
void clinux_notify_begin(void);
extern const int32_t clinux_mkdirat, clinux_symlinkat, clinux_mknodat, clinux_mount, clinux_chdir, clinux_fchmod, clinux_umask;
extern const int32_t clinux_unshare, clinux_prctl, clinux_seccomp, clinux_wait4, clinux_kill,
    clinux_exit_group, clinux_geteuid, clinux_getegid,
    clinux_getppid;
extern const int32_t clinux_sigprocmask, clinux_signalfd;
extern const int32_t clinux_shutdown, clinux_setsockopt;
extern const int32_t clinux_socket, clinux_bind, clinux_listen, clinux_accept, clinux_connect;
extern const int32_t clinux_sendmsg, clinux_recvmsg, clinux_unlinkat;

extern const int32_t clinux_ptrace, clinux_tgkill, clinux_gettid;

/* Where a part of the extended state lies in its standard format; 0 when there is none. */
int32_t clinux_xstate_offset(int32_t component);

/* A signal that does nothing but end a call that waits. */
int64_t clinux_wake_by(int32_t signal);

/* fork() of the C library, which keeps its own locks right in the child. */
int64_t clinux_fork(void);

/*
 * Replaces the program by the one at a path, with this process's environment; returns only an error
 * number below zero. Both are addresses: of a C string, and of the array of such that ends with 0.
 */
int64_t clinux_execute(uint64_t path, uint64_t arguments);

/*
 * Starts a program in a new process, from a process that may have threads; the name is looked up in
 * PATH. Both are addresses, as above; the signals of the mask are blocked in the program, and no
 * others. Answers the process, or an error number below zero; a program that cannot be run is one.
 */
int64_t clinux_spawn(uint64_t name, uint64_t arguments, uint64_t blocked_signals);
#endif

#endif
