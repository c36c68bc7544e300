/*-------------------------------------------------------------------------
 *
 * nginx.c
 *	  A real nginx on loopback, in a temporary directory, one process.
 *
 *	/1k        1024 bytes       /5m    5 MiB, with a length
 *	/empty     204              /gz    20000 bytes, compressed if wished
 *	/down      302 to /1k by http
 *	/echo/x    what was asked: method and path, for any method
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static char ca[128];
static int port;
static int tls_port;
static pid_t pid;

static const char conf[] =
	"daemon off; master_process off; pid %1$s/pid; error_log %1$s/error.log;\n"
	"worker_rlimit_nofile 4096; events { worker_connections 2048; }\n"
	"http { access_log off; keepalive_requests 100000000; sendfile on;\n"
	"  client_body_temp_path %1$s/b; proxy_temp_path %1$s/p; fastcgi_temp_path %1$s/f;\n"
	"  uwsgi_temp_path %1$s/u; scgi_temp_path %1$s/s; default_type text/plain;\n"
	"  client_max_body_size 64m; gzip_min_length 10000;\n"
	"  server { listen 127.0.0.1:%2$d backlog=2048;\n"
	"    listen 127.0.0.1:%3$d ssl http2; ssl_certificate %1$s/cert.pem;\n"
	"    ssl_certificate_key %1$s/key.pem; root %1$s/root;\n"
	"    location /down { return 302 http://127.0.0.1:%2$d/1k; }\n"
	"    location /echo/ { return 200 \"$request_method $request_uri\"; }\n"
	"    location /gz { gzip on; gzip_types text/plain; }\n"
	"    location /empty { return 204; } } }\n";

static void
run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("command failed: %s", command);
}

static bool
answers(int p)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t) p)};
	bool ok;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ok = connect(fd, (struct sockaddr *) &sa, sizeof(sa)) == 0;
	close(fd);
	return ok;
}

static void
write_files(void)
{
	char path[128];
	FILE *f;

	strcpy(dir, "/tmp/errand_net.XXXXXX");
	assert_non_null(mkdtemp(dir));
	port = free_port();
	tls_port = free_port();
	snprintf(ca, sizeof(ca), "%s/cert.pem", dir);
	snprintf(path, sizeof(path), "%s/conf", dir);
	f = fopen(path, "w");
	fprintf(f, conf, dir, port, tls_port);
	fclose(f);
	run("mkdir %s/root && cd %s/root && head -c 1024 /dev/zero | tr '\\0' k > 1k"
		" && head -c 5242880 /dev/zero > 5m && head -c 20000 /dev/zero | tr '\\0' z > gz",
		dir, dir);
	run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
		" -keyout %s/key.pem -out %s/cert.pem -days 2 -subj /CN=localhost"
		" -addext subjectAltName=DNS:localhost 2>/dev/null",
		dir, dir);
}

void
nginx_open(void)
{
	int64_t limit = harness_now_us() + 10000000;
	char path[128];

	write_files();
	snprintf(path, sizeof(path), "%s/conf", dir);
	pid = fork();
	if (pid == 0)
	{
		const char *log = "/dev/null";

		prctl(PR_SET_PDEATHSIG, SIGTERM); /* never outlive the tests */
		if (freopen(log, "w", stderr) == NULL)
			_exit(126);
		execlp("/usr/sbin/nginx", "nginx", "-e", "/dev/null", "-p", dir, "-c", path, (char *) NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	while (!answers(port) || !answers(tls_port))
	{
		struct timespec pause = {0, 5000000}; /* only between two looks */

		if (harness_now_us() > limit || waitpid(pid, NULL, WNOHANG) != 0)
			fail_msg("nginx did not start, see %s", dir);
		nanosleep(&pause, NULL);
	}
}

int
nginx_port(void)
{
	return port;
}

int
nginx_tls_port(void)
{
	return tls_port;
}

const char *
nginx_ca(void)
{
	return ca;
}

void
nginx_close(void)
{
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	run("rm -rf %s", dir);
}
