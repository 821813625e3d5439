/* Uses a device's registers in every way that the tracer knows, and memory in the same way: what an
   instruction leaves in registers, flags and memory has to be the same. Exits with 0 if it is. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct state {
  uint64_t rax, rbx, rcx, rdx, rsi, rdi, r8, flags;
  unsigned char zmm0[64], zmm1[64], zmm17[64];
  uint64_t offset;
} __attribute__((aligned(64)));

static int failures;
static volatile uint8_t *device;
static uint8_t memory[4096] __attribute__((aligned(4096)));
static struct state *here;

typedef void snippet(void);
#define LOAD                                                                                      \
  "mov %0, %%r15\n mov (%%r15), %%rax\n mov 8(%%r15), %%rbx\n mov 16(%%r15), %%rcx\n"             \
  "mov 24(%%r15), %%rdx\n mov 32(%%r15), %%rsi\n mov 40(%%r15), %%rdi\n mov 48(%%r15), %%r8\n"    \
  "push 56(%%r15)\n popf\n"
#define SAVE                                                                                      \
  "pushf\n pop 56(%%r15)\n mov %%rax, (%%r15)\n mov %%rbx, 8(%%r15)\n mov %%rcx, 16(%%r15)\n"     \
  "mov %%rdx, 24(%%r15)\n mov %%rsi, 32(%%r15)\n mov %%rdi, 40(%%r15)\n mov %%r8, 48(%%r15)\n"    \
  "cld\n"
#define CLOBBERS                                                                                  \
  "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r15", "memory", "cc", "xmm0", "xmm1"
#define CASE(name, text)                                                                          \
  static void name(void) {                                                                        \
    __asm__ volatile(LOAD text "\n" SAVE : : "r"(here) : CLOBBERS);                               \
  }
#define VECTORCASE(name, text)                                                                    \
  __attribute__((target("avx2"))) static void name(void) {                                        \
    __asm__ volatile(LOAD "vmovdqu 64(%%r15), %%ymm0\n vmovdqu 128(%%r15), %%ymm1\n" text         \
                     "\n vmovdqu %%ymm0, 64(%%r15)\n vmovdqu %%ymm1, 128(%%r15)\n" SAVE           \
                     : : "r"(here) : CLOBBERS);                                                   \
  }
#define WIDECASE(name, text)                                                                      \
  __attribute__((target("avx512f,avx512vl,avx512bw"))) static void name(void) {                   \
    __asm__ volatile(LOAD "vmovdqu64 64(%%r15), %%zmm0\n vmovdqu64 128(%%r15), %%zmm1\n"          \
                     "vmovdqu64 192(%%r15), %%zmm17\n" text                                       \
                     "\n vmovdqu64 %%zmm0, 64(%%r15)\n vmovdqu64 %%zmm1, 128(%%r15)\n"            \
                     "vmovdqu64 %%zmm17, 192(%%r15)\n" SAVE                                       \
                     : : "r"(here) : CLOBBERS, "xmm17", "k1");                                          \
  }
#include "cases.h"

static void fill(struct state *state, uint8_t *base, uint64_t seed) {
  memset(state, 0, sizeof *state);
  uint64_t *words = (uint64_t *)state;
  for (unsigned i = 0; i < sizeof *state / 8; i++)
    words[i] = (seed = seed * 6364136223846793005u + 1442695040888963407u) ^ seed >> 29;
  state->rsi = (uint64_t)(base + 512);
  state->rdi = (uint64_t)(base + 256);
  state->rcx = 13;
  state->rbx = 2;
  state->flags = 0x202 | (seed & 0x8d5);
}

static void compare(const char *name, snippet *run, const char *text, uint64_t seed) {
  static struct state states[2];
  static uint8_t contents[2][1024];
  for (int side = 0; side < 2; side++) {
    uint8_t *base = side ? (uint8_t *)device : memory;
    uint64_t value = seed;
    for (unsigned i = 0; i < 640; i += 8) {
      value = value * 6364136223846793005u + 1;
      *(volatile uint64_t *)(base + i) = value ^ value >> 31;
    }
    if (seed % 3 == 0) *(volatile uint32_t *)(base + 256) = (uint32_t)value;
    here = &states[side];
    fill(here, base, seed);
    if (seed % 3 == 0) here->rax = *(volatile uint64_t *)(base + 256);
    run();
    here->rsi -= (uint64_t)base;
    here->rdi -= (uint64_t)base;
    for (unsigned i = 0; i < 640; i += 8)
      *(uint64_t *)(contents[side] + i) = *(volatile uint64_t *)(base + i);
  }
  states[0].flags &= 0x8d5;
  states[1].flags &= 0x8d5;
  /* Logic operations leave the adjust flag undefined. */
  if (strstr(text, "or") || strstr(text, "and") || strstr(text, "test"))
    states[0].flags &= ~0x10, states[1].flags &= ~0x10;
  if (memcmp(&states[0], &states[1], sizeof states[0]) || memcmp(contents[0], contents[1], 640)) {
    printf("different: %s (%s)\n", name, text);
    failures++;
    uint64_t *a = (uint64_t *)&states[0], *b = (uint64_t *)&states[1];
    for (unsigned i = 0; i < sizeof states[0] / 8; i++)
      if (a[i] != b[i]) printf("  word %u: memory %lx, device %lx\n", i, a[i], b[i]);
    for (unsigned i = 0; i < 640; i++)
      if (contents[0][i] != contents[1][i])
        printf("  byte %u: memory %x, device %x\n", i, contents[0][i], contents[1][i]);
  }
}

static sigjmp_buf back;
static void jump(int signal) { siglongjmp(back, signal); }
static volatile int got;
static void note(int signal) { got = signal; }

static void check(int good, const char *what) {
  if (!good) printf("wrong: %s\n", what), failures++;
}

static void *count(void *argument) {
  for (int i = 0; i < 500; i++) *(volatile uint64_t *)(device + 0x800);
  return argument;
}

static int isTraced(void) {
  char text[4096] = {0};
  int file = open("/proc/self/status", O_RDONLY);
  ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  char *line = size > 0 ? strstr(text, "TracerPid:") : 0;
  return line && atoi(line + 10) != 0;
}

int main(int count_, char **arguments) {
  setvbuf(stdout, 0, _IONBF, 0);
  alarm(3000);
  sigset_t none; /* Whoever starts tests may have blocked some. */
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  int file = open(arguments[1], O_RDWR);
  device = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 4096);
  if (count_ < 2 || device == MAP_FAILED) return 2;
  pthread_t early;
  for (int i = 0; !isTraced() && i < 120000; i++) usleep(1000);

  for (uint64_t seed = 1; seed < 4; seed++) {
#define RUN(name, text) compare(#name, name, text, seed);
#define RUNIF(feature, name, text) \
  if (__builtin_cpu_supports(feature)) compare(#name, name, text, seed);
#include "runs.h"
  }

  struct sigaction action = {.sa_handler = jump, .sa_flags = SA_NODEFER};
  sigaction(SIGBUS, &action, 0);
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGILL, &action, 0);
  int signal = sigsetjmp(back, 1);
  if (!signal) *(volatile uint32_t *)(device + 0x900), signal = -1;
  check(signal == SIGBUS, "a register that refuses raises SIGBUS");
  signal = sigsetjmp(back, 1);
  if (!signal) *(volatile uint32_t *)8, signal = -1;
  check(signal == SIGSEGV, "other faults stay");
  signal = sigsetjmp(back, 1);
  if (!signal) { __asm__ volatile("ud2"); signal = -1; }
  check(signal == SIGILL, "other illegal instructions stay");
  signal = sigsetjmp(back, 1);
  if (!signal) { __asm__ volatile("fldl (%0)" : : "r"(device)); signal = -1; }
  check(signal == SIGBUS, "an unknown instruction raises SIGBUS");

  signal = 0;
  sigaction(SIGBUS, &(struct sigaction){.sa_handler = SIG_DFL}, 0);
  sigaction(SIGSEGV, &(struct sigaction){.sa_handler = SIG_DFL}, 0);
  sigaction(SIGILL, &(struct sigaction){.sa_handler = SIG_DFL}, 0);

  /* movdir64b (%rsi), %rdi and so on: assemblers may not know them. */
  static uint8_t block[64] __attribute__((aligned(64)));
  for (int i = 0; i < 64; i++) block[i] = 200 - i;
  __asm__ volatile(".byte 0x66, 0x0f, 0x38, 0xf8, 0x3e" : : "S"(block), "D"(device + 128) : "memory");
  int same = 1;
  for (int i = 0; i < 64; i++) same &= device[128 + i] == block[i];
  check(same, "movdir64b to the device");
  __asm__ volatile(".byte 0x66, 0x0f, 0x38, 0xf8, 0x3e" : : "S"(block), "D"(memory + 128) : "memory");
  check(memcmp(memory + 128, block, 64) == 0, "movdir64b to memory");
  __asm__ volatile(".byte 0x0f, 0x38, 0xf9, 0x07" : : "a"(0x12345678), "D"(device + 8) : "memory");
  check(*(volatile uint32_t *)(device + 8) == 0x12345678, "movdiri to the device");
  uint8_t retry[3];
  for (int i = 0; i < 3; i++)
    __asm__ volatile(".byte 0xf2, 0x0f, 0x38, 0xf8, 0x3e; setz %0"
                     : "=r"(retry[i]) : "S"(block), "D"(device + 0xc00) : "memory", "cc");
  check(!retry[0] && retry[1] && !retry[2], "enqcmd is taken, retried, taken");

  /* The C library's own ways of copying, whichever it has chosen for this processor. */
  static uint8_t source[600], copy[600];
  for (int i = 0; i < 600; i++) source[i] = i * 7;
  void *(*volatile move)(void *, const void *, size_t) = memcpy;
  void *(*volatile set)(void *, int, size_t) = memset;
  for (int size = 1; size < 600; size = size < 40 ? size + 1 : size * 3 / 2) {
    memset(copy, 0, sizeof copy);
    set((void *)(device + 3), 0, size);
    move(copy, (void *)(device + 3), size);
    for (int i = 0; i < size; i++) check(copy[i] == 0, "memset of the device");
    move((void *)(device + 3), source, size);
    move(copy, (void *)(device + 3), size);
    check(memcmp(copy, source, size) == 0, "memcpy to and from the device");
  }

  uint64_t before = *(volatile uint64_t *)(device + 0x800);
  pthread_create(&early, 0, count, 0);
  count(0);
  pthread_join(early, 0);
  check(*(volatile uint64_t *)(device + 0x800) == before + 1001, "threads' accesses all arrive");

  pid_t child = fork();
  if (!child) _exit(*(volatile uint64_t *)(device + 0x800) == before + 1002 ? 0 : 1);
  int status;
  waitpid(child, &status, 0);
  check(status == 0, "a child's access arrives");

  struct sigaction noting = {.sa_handler = note};
  sigaction(SIGUSR1, &noting, 0);
  raise(SIGUSR1);
  check(got == SIGUSR1, "a signal arrives");
  child = fork();
  if (!child) {
    raise(SIGSTOP);
    _exit(*(volatile uint64_t *)(device + 0x800) > before ? 7 : 1);
  }
  waitpid(child, &status, WUNTRACED);
  check(WIFSTOPPED(status), "a stop is seen");
  kill(child, SIGCONT);
  waitpid(child, &status, 0);
  check(WIFEXITED(status) && WEXITSTATUS(status) == 7, "a stopped child goes on");

  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int i = 0; i < 20000; i++) *(volatile uint32_t *)(device + 16);
  clock_gettime(CLOCK_MONOTONIC, &end);
  double time = (end.tv_sec - start.tv_sec) * 1e6 + (end.tv_nsec - start.tv_nsec) / 1e3;
  printf("a load takes %.1f us\n", time / 20000);
  printf("%d failures\n", failures);
  return failures != 0;
}
