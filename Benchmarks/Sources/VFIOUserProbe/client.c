#define _GNU_SOURCE
#include "client.h"
#include "figures.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// MARK: Messages

// Receives one whole message that has no more than so many bytes.
static size_t receive(int socket, void *buffer, size_t capacity) {
  size_t count = 0, size = sizeof(struct header);
  while (count < size) {
    ssize_t part = recv(socket, (char *)buffer + count, capacity - count, 0);
    if (part < 0 && errno == EINTR) continue;
    check(part > 0, "recv");
    count += (size_t)part;
    if (count >= sizeof(struct header)) size = ((struct header *)buffer)->size;
    check(size >= sizeof(struct header) && size <= capacity, "size of a message");
  }
  return count;
}

// Sends a request and takes its reply into the same buffer; a descriptor goes along unless it is -1.
static void call(
    struct client *client, uint16_t command, void *message, size_t size, size_t reply_size,
    int descriptor) {
  struct header *header = message;
  *header = (struct header){.id = client->next_id++, .command = command, .size = (uint32_t)size};
  uint16_t id = header->id;
  if (descriptor < 0) {
    check(send(client->socket, message, size, MSG_NOSIGNAL) == (ssize_t)size, "send");
  } else {
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec piece = {message, size};
    struct msghdr all = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control,
        .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&all);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
    check(sendmsg(client->socket, &all, MSG_NOSIGNAL) == (ssize_t)size, "sendmsg");
  }
  size_t count = receive(client->socket, message, reply_size);
  if ((header->flags & (IS_REPLY | IS_ERROR)) != IS_REPLY || header->id != id) {
    fprintf(
        stderr, "command %u: flags %#x, error %u, %zu bytes\n", command, header->flags,
        header->error, count);
    exit(1);
  }
}

// MARK: Connection

struct client make_client(void) {
  struct client client = {.socket = -1, .memory_file = memfd_create("memory", MFD_CLOEXEC)};
  check(client.memory_file >= 0 && ftruncate(client.memory_file, MEMORY_BYTES) == 0, "memfd");
  client.memory =
      mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, client.memory_file, 0);
  check(client.memory != MAP_FAILED, "mmap");
  memset(client.memory, 1, MEMORY_BYTES);
  return client;
}

static const char capabilities[] =
    "{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576}}";

void connect_client(struct client *client, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  check(strlen(path) < sizeof address.sun_path, path);
  strcpy(address.sun_path, path);
  client->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(client->socket >= 0, "socket");
  // A server's socket has its name before the server listens.
  for (int tries = 0; connect(client->socket, (struct sockaddr *)&address, sizeof address) != 0; tries++) {
    check(errno == ECONNREFUSED && tries < 100000, path);
    usleep(1000);
  }

  char text[4096] = {0};
  memcpy(text + 20, capabilities, sizeof capabilities);
  call(client, VERSION, text, 20 + sizeof capabilities, sizeof text, -1);

  struct { struct header header; struct device_info info; } device = {.info.size = 16};
  call(client, DEVICE_GET_INFO, &device, sizeof device, sizeof device, -1);
  // The most that is asked for, whatever the server has.
  for (uint32_t index = 0; index < 9; index++) {
    struct { struct header header; struct region_info info; char more[256]; } region = {
        .info = {.size = sizeof region.info, .index = index}};
    call(client, DEVICE_GET_REGION_INFO, &region, 48, sizeof region, -1);
  }
  for (uint32_t index = 0; index < 5; index++) {
    struct { struct header header; struct irq_info info; } irq = {
        .info = {.size = sizeof irq.info, .index = index}};
    call(client, DEVICE_GET_IRQ_INFO, &irq, sizeof irq, sizeof irq, -1);
  }
  struct { struct header header; struct dma_map map; } map = {
      .map = {
          .size = sizeof map.map, .flags = 3, .address = MEMORY_ADDRESS, .length = MEMORY_BYTES}};
  call(client, DMA_MAP, &map, sizeof map, sizeof map, client->memory_file);
}

void close_client(struct client *client) {
  close(client->socket);
  client->socket = -1;
}

// MARK: Regions

struct access { struct header header; struct region_access access; uint8_t bytes[64]; };

void read_region(
    struct client *client, uint32_t region, uint64_t offset, void *bytes, uint32_t count) {
  struct access message = {.access = {offset, region, count}};
  call(client, REGION_READ, &message, 32, sizeof message, -1);
  check(message.header.size == 32 + count, "bytes of a read");
  memcpy(bytes, message.bytes, count);
}

void write_region(
    struct client *client, uint32_t region, uint64_t offset, const void *bytes, uint32_t count,
    int is_posted) {
  struct access message = {.access = {offset, region, count}};
  memcpy(message.bytes, bytes, count);
  if (!is_posted) return call(client, REGION_WRITE, &message, 32 + count, sizeof message, -1);
  message.header = (struct header){
      .id = client->next_id++, .command = REGION_WRITE, .size = 32 + count, .flags = NO_REPLY};
  check(send(client->socket, &message, 32 + count, MSG_NOSIGNAL) == 32 + count, "send");
}

// MARK: What the device asks for

uint64_t serve_dma(struct client *client) {
  struct { struct header header; struct dma_access access; } message;
  check(recv(client->socket, &message, sizeof message, MSG_WAITALL) == sizeof message, "recv");
  uint64_t place = message.access.address - MEMORY_ADDRESS, count = message.access.count;
  bool is_read = message.header.command == DMA_READ;
  check(
      (is_read || message.header.command == DMA_WRITE) && count <= MEMORY_BYTES
          && place <= MEMORY_BYTES - count,
      "request of the device");
  if (!is_read) {
    ssize_t got = recv(client->socket, client->memory + place, count, MSG_WAITALL);
    check(got == (ssize_t)count, "bytes of a write");
  }
  message.header.flags = IS_REPLY;
  message.header.size = sizeof message + (is_read ? (uint32_t)count : 0);
  struct iovec pieces[] = {{&message, sizeof message}, {client->memory + place, count}};
  struct msghdr all = {.msg_iov = pieces, .msg_iovlen = is_read ? 2 : 1};
  check(sendmsg(client->socket, &all, MSG_NOSIGNAL) == (ssize_t)message.header.size, "sendmsg");
  return is_read ? 0 : message.access.address;
}

void set_interrupt(struct client *client, int event) {
  struct { struct header header; struct irq_set set; } message = {
      .set = {.size = sizeof message.set, .flags = 4 | 1 << 5, .index = 2, .count = 1}};
  call(client, DEVICE_SET_IRQS, &message, sizeof message, sizeof message, event);
}
