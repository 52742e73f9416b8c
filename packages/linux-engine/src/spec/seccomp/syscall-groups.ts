/**
 * The system calls that our default profile allows, by what they are for. A name that an architecture, a kernel or a
 * libseccomp does not know is skipped by the OCI runtime. What is left out on purpose: `io_uring_*` (its operations pass
 * no filter, among them opening sockets), key rings, `userfaultfd`, `kexec_*`, swap, `nfsservctl`, `vm86`, `uselib`.
 */
const groups: Readonly<Record<string, string>> = {
  "open and close": `open openat openat2 creat close close_range dup dup2 dup3 fcntl fcntl64 flock
    name_to_handle_at memfd_create memfd_secret pipe pipe2`,
  "read and write": `read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek
    sendfile sendfile64 splice tee vmsplice copy_file_range readahead ioctl
    fadvise64 fadvise64_64 arm_fadvise64_64 fallocate truncate truncate64 ftruncate ftruncate64
    sync syncfs fsync fdatasync sync_file_range sync_file_range2 arm_sync_file_range cachestat`,
  "names and folders": `access faccessat faccessat2 chdir fchdir getcwd getdents getdents64
    link linkat symlink symlinkat readlink readlinkat unlink unlinkat rename renameat renameat2
    mkdir mkdirat rmdir mknod mknodat umask`,
  "attributes of files": `stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx
    statfs statfs64 fstatfs fstatfs64 statmount listmount
    chmod fchmod fchmodat fchmodat2 chown chown32 lchown lchown32 fchown fchown32 fchownat
    utime utimes utimensat utimensat_time64 futimesat file_getattr file_setattr
    getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat
    listxattr llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat`,
  "wait for events": `poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2
    eventfd eventfd2 signalfd signalfd4 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark
    io_setup io_submit io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64`,
  memory: `brk mmap mmap2 munmap mremap mprotect msync madvise mincore mlock mlock2 mlockall munlock munlockall
    mseal remap_file_pages membarrier map_shadow_stack pkey_alloc pkey_free pkey_mprotect process_mrelease`,
  processes: `execve execveat exit exit_group fork vfork wait4 waitid waitpid
    getpid getppid gettid getpgid getpgrp setpgid getsid setsid pidfd_open
    prctl ptrace process_vm_readv process_vm_writev getcpu uname sysinfo getrusage times
    getrlimit ugetrlimit setrlimit prlimit64 getpriority setpriority ioprio_get ioprio_set
    sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
    sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min
    sched_rr_get_interval sched_rr_get_interval_time64 sched_yield`,
  threads: `futex futex_time64 futex_wait futex_wake futex_waitv futex_requeue get_robust_list set_robust_list rseq
    set_tid_address get_thread_area set_thread_area restart_syscall`,
  signals: `kill tkill tgkill pidfd_send_signal pause sigaltstack sigprocmask sigreturn
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_tgsigqueueinfo
    rt_sigtimedwait rt_sigtimedwait_time64`,
  "users and rights": `getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getgroups getgroups32
    getresuid getresuid32 getresgid getresgid32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32
    setresuid setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 setgroups setgroups32
    capget capset seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
    lsm_get_self_attr lsm_list_modules`,
  time: `time gettimeofday nanosleep clock_nanosleep clock_nanosleep_time64 alarm getitimer setitimer
    clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_adjtime clock_adjtime64 adjtimex
    timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
    timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64`,
  "sockets, all but opening one": `accept accept4 bind connect listen shutdown socketpair
    getsockname getpeername getsockopt setsockopt
    recv recvfrom recvmsg recvmmsg recvmmsg_time64 send sendto sendmsg sendmmsg`,
  "messages, semaphores, shared memory": `ipc msgget msgsnd msgrcv msgctl semget semop semctl semtimedop
    semtimedop_time64 shmget shmat shmdt shmctl
    mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64`,
  "random numbers": "getrandom",
};

/** Allowed for everybody, whatever the arguments. */
export const plainSyscalls: readonly string[] = Object.values(groups).flatMap((names) => names.trim().split(/\s+/));

/** What one architecture has for itself. */
export const archSyscalls: Readonly<Record<"x64" | "arm64", readonly string[]>> = {
  x64: ["arch_prctl", "modify_ldt", "uprobe", "uretprobe"],
  arm64: ["breakpoint", "cacheflush", "set_tls"],
};

/** What a capability adds: the kernel asks for the same capability, or for more than a default container has. */
export const capabilitySyscalls: Readonly<Record<string, readonly string[]>> = {
  CAP_BPF: ["bpf"],
  CAP_DAC_READ_SEARCH: ["open_by_handle_at"],
  CAP_PERFMON: ["perf_event_open"],
  CAP_SYSLOG: ["syslog"],
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_set_self_attr mount
    mount_setattr move_mount open_tree open_tree_attr perf_event_open quotactl quotactl_fd setdomainname sethostname
    setns syslog umount umount2 unshare`.split(/\s+/),
  CAP_SYS_BOOT: ["reboot"],
  CAP_SYS_CHROOT: ["chroot"],
  CAP_SYS_MODULE: ["delete_module", "finit_module", "init_module"],
  CAP_SYS_NICE: ["get_mempolicy", "mbind", "move_pages", "set_mempolicy", "set_mempolicy_home_node"],
  CAP_SYS_PACCT: ["acct"],
  CAP_SYS_PTRACE: ["kcmp", "pidfd_getfd", "process_madvise"],
  CAP_SYS_RAWIO: ["ioperm", "iopl"],
  CAP_SYS_TIME: ["clock_settime", "clock_settime64", "settimeofday", "stime"],
  CAP_SYS_TTY_CONFIG: ["vhangup"],
};
