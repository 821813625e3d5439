#define _GNU_SOURCE
// The baseline: blocking calls and messages of the right sizes. What a message asks for is done
// without any check, on memory that the client's file is; no message is kept, looked up or refused.
#include "client.h"
#include "device.h"
#include "figures.h"
#include "load.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static uint8_t *memory;
static int event = -1;
static uint64_t registers[8];
static uint8_t copied[16 + 16 + (1 << 20)];

static uint8_t *at(uint64_t address) { return memory + (address - MEMORY_ADDRESS); }

// A message to the client and its answer, of fixed sizes.
static void ask(int socket, uint16_t command, uint64_t address, uint64_t count, size_t answer) {
  struct { struct header header; struct dma_access access; } *message = (void *)copied;
  size_t size = command == DMA_WRITE ? 32 + count : 32;
  message->header = (struct header){.command = command, .size = (uint32_t)size};
  message->access = (struct dma_access){address, count};
  check(send(socket, copied, size, MSG_NOSIGNAL) == (ssize_t)size, "send");
  check(recv(socket, copied, answer, MSG_WAITALL) == (ssize_t)answer, "recv");
}

static void ring(int socket) {
  uint64_t doorbell = registers[DOORBELL / 8], count = registers[BYTE_COUNT / 8], one = 1;
  switch (doorbell & 0xff) {
    case COPY:
      memcpy(at(registers[TARGET / 8]), at(registers[SOURCE / 8]), count);
      *(volatile uint64_t *)at(registers[RECORD / 8]) = doorbell;
      break;
    case COPY_BY_MESSAGES:
      ask(socket, DMA_READ, registers[SOURCE / 8], count, 32 + count);
      ask(socket, DMA_WRITE, registers[TARGET / 8], count, 32);
      ask(socket, DMA_WRITE, registers[RECORD / 8], 8, 32);
      break;
    case INTERRUPT: check(write(event, &one, 8) == 8, "eventfd"); break;
  }
}

// The size of a reply, by the command.
static uint32_t reply_size(const struct header *header) {
  switch (header->command) {
    // As much text as a server's capabilities have.
    case VERSION: return 20 + 140;
    case DEVICE_SET_IRQS: return 16;
    case REGION_READ: return header->size + 4;
    case REGION_WRITE: return 32;
    default: return header->size;
  }
}

static void answer(int socket, struct header *header, int descriptor) {
  uint64_t offset;
  memcpy(&offset, header + 1, sizeof offset);
  if (header->command == REGION_WRITE) {
    memcpy((uint8_t *)registers + offset, (uint8_t *)header + 32, header->size - 32);
    if (offset == DOORBELL) ring(socket);
  } else if (header->command == DMA_MAP) {
    if (memory != NULL) munmap(memory, MEMORY_BYTES);
    memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    check(memory != MAP_FAILED, "mmap");
    close(descriptor);
  } else if (header->command == DEVICE_SET_IRQS) {
    event = descriptor;
  }
  if (header->flags & NO_REPLY) return;
  // A copy: the buffer may hold the next message too.
  static uint8_t reply[512];
  uint32_t size = reply_size(header);
  memcpy(reply, header, 32);
  if (header->command == REGION_READ) memcpy(reply + 32, (uint8_t *)registers + offset, 4);
  *(struct header *)reply = (struct header){
      .id = header->id, .command = header->command, .size = size, .flags = IS_REPLY};
  check(send(socket, reply, size, MSG_NOSIGNAL) == (ssize_t)size, "send");
}

// Receives what is there, with a descriptor as long as one can come.
static ssize_t receive(int socket, void *buffer, size_t capacity, int *descriptor) {
  char control[CMSG_SPACE(sizeof(int))];
  struct iovec piece = {buffer, capacity};
  struct msghdr all = {
      .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t count = recvmsg(socket, &all, MSG_CMSG_CLOEXEC);
  struct cmsghdr *rights = count > 0 ? CMSG_FIRSTHDR(&all) : NULL;
  if (rights != NULL) memcpy(descriptor, CMSG_DATA(rights), sizeof *descriptor);
  return count;
}

static void serve(int socket) {
  static _Alignas(16) uint8_t buffer[1 << 16];
  size_t have = 0;
  for (;;) {
    int descriptor = -1;
    ssize_t count = receive(socket, buffer + have, sizeof buffer - have, &descriptor);
    if (count <= 0) return;
    have += (size_t)count;
    size_t done = 0;
    while (have - done >= sizeof(struct header)) {
      struct header *header = (void *)(buffer + done);
      if (have - done < header->size) break;
      answer(socket, header, descriptor);
      done += header->size;
    }
    have -= done;
    memmove(buffer, buffer + done, have);
  }
}

void serve_bare(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  check(strlen(path) < sizeof address.sun_path, path);
  strcpy(address.sun_path, path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(listener >= 0, "socket");
  check(bind(listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
  check(listen(listener, 1) == 0, "listen");
  for (;;) {
    int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    check(socket >= 0, "accept");
    serve(socket);
    close(socket);
    if (event >= 0) close(event);
    event = -1;
  }
}
