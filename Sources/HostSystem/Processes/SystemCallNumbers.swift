#if os(Linux)
  import CLinux

  /// Numbers of system calls, below zero for those that this architecture does not have.
  package enum SystemCall {
    package static var read: Int32 { clinux_read }
    package static var write: Int32 { clinux_write }
    package static var readv: Int32 { clinux_readv }
    package static var writev: Int32 { clinux_writev }
    package static var pread: Int32 { clinux_pread }
    package static var pwrite: Int32 { clinux_pwrite }
    package static var preadv: Int32 { clinux_preadv }
    package static var pwritev: Int32 { clinux_pwritev }
    package static var preadv2: Int32 { clinux_preadv2 }
    package static var pwritev2: Int32 { clinux_pwritev2 }
    package static var close: Int32 { clinux_close }
    package static var closeRange: Int32 { clinux_close_range }
    package static var lseek: Int32 { clinux_lseek }
    package static var dup: Int32 { clinux_dup }
    package static var dup2: Int32 { clinux_dup2 }
    package static var dup3: Int32 { clinux_dup3 }
    package static var fcntl: Int32 { clinux_fcntl }
    package static var fstat: Int32 { clinux_fstat }
    package static var statx: Int32 { clinux_statx }
    package static var newfstatat: Int32 { clinux_newfstatat }
    package static var stat: Int32 { clinux_stat }
    package static var lstat: Int32 { clinux_lstat }
    package static var open: Int32 { clinux_open }
    package static var openat: Int32 { clinux_openat }
    package static var openat2: Int32 { clinux_openat2 }
    package static var execve: Int32 { clinux_execve }
    package static var execveat: Int32 { clinux_execveat }
    package static var ioSubmit: Int32 { clinux_io_submit }
    package static var ioUringSetup: Int32 { clinux_io_uring_setup }
    package static var ioUringEnter: Int32 { clinux_io_uring_enter }
    package static var ioUringRegister: Int32 { clinux_io_uring_register }
    package static var ioctl: Int32 { clinux_ioctl }
    package static var mmap: Int32 { clinux_mmap }
    package static var sendfile: Int32 { clinux_sendfile }
    package static var splice: Int32 { clinux_splice }
    package static var copyFileRange: Int32 { clinux_copy_file_range }
    /// What a filter finds as the architecture (`AUDIT_ARCH`).
    package static var architecture: UInt32 { clinux_architecture }
  }
#endif
