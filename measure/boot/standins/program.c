/* Stand-in for ClaudeFS's five programs, by the name that it is called by; docs/nodes.md describes the real ones.
 * The variable STAND_IN makes it ignore SIGTERM ("stubborn"), or end after 4 seconds ("crashing"). */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int serve_management(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8443)};
  int listening = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listening, (void *)&address, sizeof address) || listen(listening, 9)) return 0;
  for (;;) {
    char request[4096];
    int client = accept(listening, 0, 0);
    if (read(client, request, sizeof request) > 0)
      dprintf(client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    close(client);
  }
}

int main(int count, char **arguments) {
  const char *slash = strrchr(arguments[0], '/'), *name = slash ? slash + 1 : arguments[0];
  const char *wanted = getenv("STAND_IN");
  struct stat found;
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("%s " VERSION ":", name);
  for (int place = 1; place < count; place++) printf(" %s", arguments[place]);
  printf("\n");
  if (wanted && !strcmp(wanted, "stubborn")) signal(SIGTERM, SIG_IGN);
  if (wanted && !strcmp(wanted, "crashing")) return sleep(4), 101;
  if (!strcmp(name, "cfs-mgmt")) return access(arguments[count - 1], R_OK) ? 1 : serve_management();
  if (!strcmp(name, "cfs-fuse")) return stat(arguments[1], &found) ? 1 : 0;
  if (!strcmp(name, "cfs-repl"))
    for (;;) pause();
  return 0;
}
