/* SPDX-License-Identifier: MIT */
/* docs/examples/shm-server and its clients: honest ones get the right pixels, whatever hostile ones
 * do beside them, and the server lives. */
#include "../adopting/shm_client.h"
#include "../support/runner.h"
#include "../support/self.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WIDTH	      320u
#define HEIGHT	      200u
#define LENGTH	      ((size_t)WIDTH * HEIGHT * SHM_PIXEL)
#define MOST_CLIENTS  16
#define MOST_SEGMENTS 32

/* ---- One server, and clients' files ---- */

static struct shm_server server;

static void start(void)
{
	assert_ok(shm_server_start(&server, SHM_SERVER, WIDTH, HEIGHT));
}

static void stop(void)
{
	const int status = shm_server_stop(&server);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM,
		"the server has ended by itself: 0x%x", (unsigned)status);
}

static int client_start(void)
{
	int socket = shm_connect(&server);
	ck_assert_int_ge(socket, 0);
	return socket;
}

struct file {
	int fd;
	uint32_t *pixels; /* a mapping of the file */
};

static struct file file_start(int seals)
{
	struct file file = { .fd = memfd_create("client", MFD_CLOEXEC | MFD_ALLOW_SEALING) };
	ck_assert_int_ge(file.fd, 0);
	assert_ok(ftruncate(file.fd, (off_t)LENGTH));
	file.pixels = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
	ck_assert_ptr_ne(file.pixels, MAP_FAILED);
	if (seals)
		assert_ok(fcntl(file.fd, F_ADD_SEALS, seals));
	return file;
}

static void file_stop(const struct file *file)
{
	munmap(file->pixels, LENGTH);
	close(file->fd);
}

static void draw(const struct file *file, uint32_t seed)
{
	for (size_t i = 0; i < WIDTH * HEIGHT; i++)
		file->pixels[i] = seed = seed * 1664525 + 1013904223;
}

/* What the picture is now, by way of a segment that the client has attached for it. */
static void get_picture(int socket, uint32_t segment)
{
	assert_ok(shm_transfer(socket, SHM_GET, segment, WIDTH, HEIGHT));
}

/* ---- Honest clients ---- */

START_TEST(client_gets_the_pixels_that_it_put)
{
	start();
	const int socket = client_start();
	const struct file from = file_start(_i ? F_SEAL_SHRINK : 0), to = file_start(0);
	assert_ok(shm_attach(socket, 3, from.fd, LENGTH, 0));
	assert_ok(shm_attach(socket, 7, to.fd, LENGTH, SHM_WRITE));
	for (uint32_t seed = 1; seed < 20; seed++) {
		draw(&from, seed);
		assert_ok(shm_transfer(socket, SHM_PUT, 3, WIDTH, HEIGHT));
		get_picture(socket, 7);
		ck_assert_mem_eq(to.pixels, from.pixels, LENGTH);
	}
	file_stop(&from);
	file_stop(&to);
	close(socket);
	stop();
}
END_TEST

/* What was drawn while the window was hidden is there when it is shown; nothing is copied before.
 */
START_TEST(hidden_window_is_up_to_date_when_it_is_shown)
{
	start();
	const int socket = client_start();
	const struct file from = file_start(_i ? F_SEAL_SHRINK : 0), to = file_start(0);
	assert_ok(shm_attach(socket, 3, from.fd, LENGTH, 0));
	assert_ok(shm_attach(socket, 7, to.fd, LENGTH, SHM_WRITE));
	for (uint32_t seed = 1; seed < 20; seed++) {
		draw(&from, seed);
		assert_ok(shm_transfer(socket, SHM_DAMAGE, 3, WIDTH, HEIGHT));
		if (seed % 3)
			continue;
		assert_ok(shm_transfer(socket, SHM_SHOW, 3, WIDTH, HEIGHT));
		get_picture(socket, 7);
		ck_assert_mem_eq(to.pixels, from.pixels, LENGTH);
	}
	if (!_i) {
		assert_ok(ftruncate(from.fd, 0));
		assert_ok(shm_transfer(socket, SHM_DAMAGE, 3, WIDTH, HEIGHT));
		ck_assert_int_eq(shm_transfer(socket, SHM_SHOW, 3, WIDTH, HEIGHT), -ENODATA);
	}
	file_stop(&from);
	file_stop(&to);
	close(socket);
	stop();
}
END_TEST

START_TEST(rectangle_lands_where_it_was_put_and_nowhere_else)
{
	start();
	const int socket = client_start();
	const struct file from = file_start(0), to = file_start(0);
	const struct shm_request put = { .kind = SHM_PUT,
		.offset = 12,
		.stride = 100 * SHM_PIXEL,
		.x = 17,
		.y = 5,
		.width = 60,
		.height = 40 };
	draw(&from, 1);
	assert_ok(shm_attach(socket, 0, from.fd, LENGTH, 0));
	assert_ok(shm_attach(socket, 1, to.fd, LENGTH, SHM_WRITE));
	assert_ok(shm_ask(socket, &put, -1));
	get_picture(socket, 1);
	for (uint32_t y = 0; y < HEIGHT; y++) {
		for (uint32_t x = 0; x < WIDTH; x++) {
			const bool is_in = x >= 17 && x < 77 && y >= 5 && y < 45;
			const uint32_t expected =
				is_in ? from.pixels[3 + (y - 5) * 100 + x - 17] : 0;
			ck_assert_uint_eq(to.pixels[y * WIDTH + x], expected);
		}
	}
	file_stop(&from);
	file_stop(&to);
	close(socket);
	stop();
}
END_TEST

START_TEST(only_a_sealed_segment_is_a_pixmap_and_both_draw_into_it)
{
	start();
	const int socket = client_start();
	const struct file plain = file_start(0), sealed = file_start(F_SEAL_SHRINK);
	const struct shm_request fill = { .kind = SHM_FILL,
		.segment = 1,
		.colour = 0x123456,
		.stride = WIDTH * SHM_PIXEL,
		.width = WIDTH,
		.height = HEIGHT };
	const struct shm_request make_pixmap = { .kind = SHM_PIXMAP };
	assert_ok(shm_attach(socket, 0, plain.fd, LENGTH, SHM_WRITE));
	ck_assert_int_eq(shm_ask(socket, &make_pixmap, -1), -EPERM);
	ck_assert_int_eq(
		shm_attach(socket, 1, plain.fd, LENGTH, SHM_WRITE | SHM_PIXMAP_ONLY), -EPERM);
	assert_ok(shm_attach(socket, 1, sealed.fd, LENGTH, SHM_WRITE | SHM_PIXMAP_ONLY));
	assert_ok(shm_ask(socket, &fill, -1));
	for (size_t i = 0; i < WIDTH * HEIGHT; i++)
		ck_assert_uint_eq(sealed.pixels[i], 0x123456);

	assert_ok(fcntl(plain.fd, F_ADD_SEALS, F_SEAL_SHRINK)); /* it seals after all */
	assert_ok(shm_ask(socket, &make_pixmap, -1));
	file_stop(&plain);
	file_stop(&sealed);
	close(socket);
	stop();
}
END_TEST

/* ---- Files that are cut ---- */

START_TEST(file_that_was_cut_is_told_by_the_request_that_missed_its_pixels)
{
	start();
	const int socket = client_start();
	const struct file from = file_start(0), to = file_start(0);
	draw(&from, 1);
	assert_ok(shm_attach(socket, 0, from.fd, LENGTH, SHM_WRITE));
	assert_ok(shm_attach(socket, 1, to.fd, LENGTH, SHM_WRITE));
	assert_ok(shm_transfer(socket, SHM_PUT, 0, WIDTH, HEIGHT));
	assert_ok(ftruncate(from.fd, (off_t)LENGTH / 2));
	ck_assert_int_eq(shm_transfer(socket, SHM_PUT, 0, WIDTH, HEIGHT), -ENODATA);
	get_picture(socket, 1);
	ck_assert_mem_eq(to.pixels, from.pixels, LENGTH / 2);
	for (size_t i = WIDTH * HEIGHT / 2; i < WIDTH * HEIGHT; i++)
		ck_assert_uint_eq(to.pixels[i], 0);
	ck_assert_int_eq(shm_transfer(socket, SHM_GET, 0, WIDTH, HEIGHT), -ENODATA);
	ck_assert_int_eq(lseek(from.fd, 0, SEEK_END), (off_t)LENGTH / 2); /* not grown */

	assert_ok(ftruncate(from.fd, (off_t)LENGTH));
	draw(&from, 2);
	assert_ok(shm_transfer(socket, SHM_PUT, 0, WIDTH, HEIGHT));
	get_picture(socket, 1);
	ck_assert_mem_eq(to.pixels, from.pixels, LENGTH);
	file_stop(&from);
	file_stop(&to);
	close(socket);
	stop();
}
END_TEST

static atomic_bool shall_stop;

/* Cut, punched, and grown again: all the time. */
static void *be_restless(void *data)
{
	const int fd = *(const int *)data;
	for (unsigned i = 0; !atomic_load(&shall_stop); i++) {
		assert_ok(ftruncate(fd, i % 2 ? (off_t)LENGTH : (off_t)(i % 7) * 4096));
		if (i % 3 == 0)
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 65536);
	}
	return NULL;
}

/* Half 0 is the upper one of the picture; the first half of the segment. */
static int transfer_half(int socket, uint32_t kind, uint32_t segment, uint32_t half)
{
	const struct shm_request request = { .kind = kind,
		.segment = segment,
		.stride = WIDTH * SHM_PIXEL,
		.y = half * HEIGHT / 2,
		.width = WIDTH,
		.height = HEIGHT / 2 };
	return shm_ask(socket, &request, -1);
}

/* Puts and gets of a file that never holds still. */
static void *transfer_for_ever(void *data)
{
	const int socket = *(const int *)data;
	unsigned n_short = 0;
	for (unsigned i = 0; !atomic_load(&shall_stop) || (n_short == 0 && i < 100000); i++) {
		const int status = transfer_half(socket, i % 2 ? SHM_PUT : SHM_GET, 0, 0);
		ck_assert(status == 0 || status == -ENODATA);
		n_short += status == -ENODATA;
	}
	ck_assert_uint_gt(n_short, 0);
	return NULL;
}

/* In the lower half of the picture, where hostile clients of this file do not draw. */
static void put_and_check(int socket, const struct file *from, const struct file *to, uint32_t seed)
{
	draw(from, seed);
	assert_ok(transfer_half(socket, SHM_PUT, 0, 1));
	assert_ok(transfer_half(socket, SHM_GET, 1, 1));
	ck_assert_mem_eq(to->pixels, from->pixels, LENGTH / 2);
}

START_TEST(others_are_undisturbed_while_a_client_cuts_its_file_in_every_request)
{
	start();
	pthread_t restless, transferring;
	const int hostile = client_start(), honest = client_start();
	const struct file cut = file_start(0), from = file_start(0), to = file_start(0);
	assert_ok(shm_attach(hostile, 0, cut.fd, LENGTH, SHM_WRITE));
	assert_ok(shm_attach(honest, 0, from.fd, LENGTH, 0));
	assert_ok(shm_attach(honest, 1, to.fd, LENGTH, SHM_WRITE));
	assert_ok(pthread_create(&restless, NULL, be_restless, (void *)&cut.fd));
	assert_ok(pthread_create(&transferring, NULL, transfer_for_ever, (void *)&hostile));
	for (uint32_t seed = 1; seed < 300; seed++)
		put_and_check(honest, &from, &to, seed);
	atomic_store(&shall_stop, true);
	pthread_join(transferring, NULL);
	pthread_join(restless, NULL);

	put_and_check(honest, &from, &to, 300);
	file_stop(&cut);
	file_stop(&from);
	file_stop(&to);
	close(hostile);
	close(honest);
	stop();
}
END_TEST

/* ---- Floods ---- */

static size_t count_fds_of_server(void)
{
	char path[64];
	size_t n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", server.pid);
	DIR *directory = opendir(path);
	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

static void attach_3000(int socket, int fd)
{
	unsigned n_attached = 0;
	for (uint32_t i = 0; i < 3000; i++) {
		const int status = shm_attach(socket, i, fd, 4096, 0);
		ck_assert(status == 0 || status == -ENFILE);
		n_attached += status == 0;
	}
	ck_assert_uint_eq(n_attached, MOST_SEGMENTS);
}

START_TEST(clients_that_attach_3000_segments_leave_room_for_others)
{
	start();
	int hostile[MOST_CLIENTS - 1] = { client_start() };
	const struct file file = file_start(0), to = file_start(0);
	ck_assert_int_eq(shm_transfer(hostile[0], SHM_PUT, 0, 1, 1), -ENOENT);
	const size_t n_fds = count_fds_of_server() - 1;
	attach_3000(hostile[0], file.fd);
	for (int i = 1; i < MOST_CLIENTS - 1; i++)
		attach_3000(hostile[i] = client_start(), file.fd);
	const int honest = client_start();
	for (uint32_t i = 0; i < MOST_SEGMENTS; i++)
		assert_ok(shm_attach(honest, i, i == 1 ? to.fd : file.fd, LENGTH, SHM_WRITE));
	put_and_check(honest, &file, &to, 1);

	const int late = client_start(); /* one too many: until another has gone */
	close(hostile[0]);
	assert_ok(shm_attach(late, 0, file.fd, LENGTH, 0));
	for (int i = 1; i < MOST_CLIENTS - 1; i++)
		close(hostile[i]);
	close(late);
	put_and_check(honest, &file, &to, 2);
	close(honest);
	for (int ms = 0; count_fds_of_server() != n_fds && ms < 10000; ms++)
		usleep(1000);
	ck_assert_uint_eq(count_fds_of_server(), n_fds);
	file_stop(&file);
	file_stop(&to);
	stop();
}
END_TEST

START_TEST(client_that_does_not_read_its_replies_is_disconnected)
{
	start();
	const int deaf = client_start(), honest = client_start();
	const struct file from = file_start(0), to = file_start(0);
	assert_ok(shm_attach(honest, 0, from.fd, LENGTH, 0));
	assert_ok(shm_attach(honest, 1, to.fd, LENGTH, SHM_WRITE));
	const struct shm_request request = { .kind = SHM_DETACH };
	int err = 0;
	for (unsigned i = 0; i < 100000 && !err; i++)
		err = shm_send(deaf, &request, -1);
	ck_assert(err == -EPIPE || err == -ECONNRESET);
	put_and_check(honest, &from, &to, 1);
	file_stop(&from);
	file_stop(&to);
	close(deaf);
	close(honest);
	stop();
}
END_TEST

/* ---- Nonsense ---- */

struct bad_request {
	int status;
	struct shm_request request;
};

#define ROWS .stride = WIDTH * SHM_PIXEL, .width = WIDTH, .height = HEIGHT

static const struct bad_request bad_requests[] = {
	{ -EINVAL, { .kind = 99, ROWS } },
	{ -ENOENT, { .kind = SHM_PUT, .segment = 1, ROWS } },
	{ -ENFILE, { .kind = SHM_PUT, .segment = UINT32_MAX, ROWS } },
	{ -ERANGE, { .kind = SHM_PUT, .x = 1, ROWS } },
	{ -ERANGE, { .kind = SHM_PUT, .x = UINT32_MAX, ROWS } },
	{ -ERANGE, { .kind = SHM_GET, .y = UINT32_MAX, ROWS } },
	{ -ERANGE, { .kind = SHM_PUT, .width = UINT32_MAX, .height = 1 } },
	{ -ERANGE, { .kind = SHM_GET, .width = 1, .height = UINT32_MAX } },
	{ -ERANGE, { .kind = SHM_PUT, .offset = 4, ROWS } },
	{ -ERANGE, { .kind = SHM_GET, .offset = UINT64_MAX, ROWS } },
	{ -ERANGE, { .kind = SHM_PUT, .stride = UINT32_MAX, .width = 1, .height = 2 } },
	{ -ERANGE, { .kind = SHM_PUT, .offset = UINT64_MAX - 3, .width = 1, .height = 1 } },
	{ -ERANGE, { .kind = SHM_SHOW, .x = UINT32_MAX, ROWS } },
	{ -ERANGE, { .kind = SHM_SHOW, .offset = 4, ROWS } },
	{ -ERANGE, { .kind = SHM_SHOW, .stride = UINT32_MAX, .width = 1, .height = 2 } },
	{ -ERANGE, { .kind = SHM_DAMAGE, .offset = 4, ROWS } },
	{ -ERANGE, { .kind = SHM_DAMAGE, .width = 1, .height = UINT32_MAX } },
	{ -ERANGE, { .kind = SHM_FILL, .offset = UINT64_MAX - 3, .width = 1, .height = 1 } },
	{ -ERANGE, { .kind = SHM_FILL, .stride = UINT32_MAX - 3, .width = 1, .height = 2 } },
	{ -ERANGE, { .kind = SHM_FILL, .offset = LENGTH, .width = 1, .height = 1 } },
	{ -ERANGE, { .kind = SHM_FILL, .offset = 1, .width = 1, .height = 1 } },
	{ -ERANGE, { .kind = SHM_FILL, .width = 1, .height = UINT32_MAX } },
	{ -ERANGE, { .kind = SHM_FILL, .width = 1, .height = 0 } },
};

START_TEST(bad_rectangle_is_refused_and_nothing_is_drawn)
{
	start();
	const struct bad_request *bad = &bad_requests[_i];
	const int socket = client_start();
	const struct file file = file_start(F_SEAL_SHRINK), to = file_start(0);
	draw(&file, 1);
	assert_ok(shm_attach(socket, 0, file.fd, LENGTH, SHM_WRITE));
	assert_ok(shm_attach(socket, 2, to.fd, LENGTH, SHM_WRITE));
	ck_assert_int_eq(shm_ask(socket, &bad->request, -1), bad->status);
	get_picture(socket, 2);
	for (size_t i = 0; i < WIDTH * HEIGHT; i++)
		ck_assert_uint_eq(to.pixels[i], 0);
	draw(&to, 1);
	ck_assert_mem_eq(file.pixels, to.pixels, LENGTH);
	file_stop(&file);
	file_stop(&to);
	close(socket);
	stop();
}
END_TEST

START_TEST(attach_refuses_what_is_no_segment)
{
	start();
	const int socket = client_start();
	const struct file file = file_start(0), unwritable = file_start(F_SEAL_SHRINK);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file.fd);
	const int read_only = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(read_only, 0);
	ck_assert_int_eq(shm_attach(socket, 0, -1, LENGTH, 0), -EBADF);
	ck_assert_int_eq(shm_attach(socket, 0, socket, LENGTH, 0), -ENODEV);
	ck_assert_int_eq(shm_attach(socket, 0, file.fd, 0, 0), -EINVAL);
	ck_assert_int_eq(shm_attach(socket, 0, file.fd, SIZE_MAX, 0), -EINVAL);
	ck_assert_int_eq(shm_attach(socket, 0, read_only, LENGTH, SHM_WRITE), -EACCES);
	assert_ok(shm_attach(socket, 0, read_only, LENGTH, 0));
	ck_assert_int_eq(shm_attach(socket, 0, file.fd, LENGTH, 0), -EEXIST);
	ck_assert_int_eq(shm_transfer(socket, SHM_GET, 0, WIDTH, HEIGHT), -EACCES);

	const struct shm_request fill = { .kind = SHM_FILL, .segment = 1, ROWS };
	munmap(unwritable.pixels, LENGTH);
	assert_ok(fcntl(unwritable.fd, F_ADD_SEALS, F_SEAL_WRITE));
	assert_ok(shm_attach(socket, 1, unwritable.fd, LENGTH, SHM_WRITE));
	ck_assert_int_eq(shm_transfer(socket, SHM_GET, 1, WIDTH, HEIGHT), -EPERM);
	ck_assert_int_eq(shm_ask(socket, &fill, -1), -EPERM);
	close(unwritable.fd);
	close(read_only);
	file_stop(&file);
	close(socket);
	stop();
}
END_TEST

START_TEST(descriptors_that_nobody_asked_for_are_closed)
{
	start();
	const int socket = client_start();
	const struct file file = file_start(0);
	const struct shm_request request = { .kind = SHM_PUT };
	assert_ok(shm_attach(socket, 1, file.fd, LENGTH, 0));
	ck_assert_int_eq(shm_ask(socket, &request, -1), -ENOENT); /* all before is done */
	const size_t n_fds = count_fds_of_server();
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(shm_ask(socket, &request, file.fd), -ENOENT);
	ck_assert_int_eq(shm_ask(socket, &request, -1), -ENOENT);
	ck_assert_uint_eq(count_fds_of_server(), n_fds);
	ck_assert_int_eq(send(socket, "?", 1, MSG_NOSIGNAL), 1); /* no request */
	ck_assert_int_eq(shm_receive(socket), -EPIPE);
	file_stop(&file);
	close(socket);
	stop();
}
END_TEST

static TCase *shm_server_case(void)
{
	TCase *tcase = tcase_create("shm_server");
	if (!runner_can_run(SHM_SERVER))
		exit(77); /* SKIP_RETURN_CODE in CMake */
	tcase_add_loop_test(tcase, client_gets_the_pixels_that_it_put, 0, 2);
	tcase_add_loop_test(tcase, hidden_window_is_up_to_date_when_it_is_shown, 0, 2);
	tcase_add_test(tcase, rectangle_lands_where_it_was_put_and_nowhere_else);
	tcase_add_test(tcase, only_a_sealed_segment_is_a_pixmap_and_both_draw_into_it);
	tcase_add_test(tcase, file_that_was_cut_is_told_by_the_request_that_missed_its_pixels);
	tcase_add_test(tcase, others_are_undisturbed_while_a_client_cuts_its_file_in_every_request);
	tcase_add_test(tcase, clients_that_attach_3000_segments_leave_room_for_others);
	tcase_add_test(tcase, client_that_does_not_read_its_replies_is_disconnected);
	tcase_add_loop_test(tcase, bad_rectangle_is_refused_and_nothing_is_drawn, 0,
		sizeof(bad_requests) / sizeof(bad_requests[0]));
	tcase_add_test(tcase, attach_refuses_what_is_no_segment);
	tcase_add_test(tcase, descriptors_that_nobody_asked_for_are_closed);
	return tcase;
}

RUNNER_MAIN("shm_server", shm_server_case)
