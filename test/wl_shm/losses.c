/* SPDX-License-Identifier: MIT */
/* Clients that take their memory away: the compositor goes on, and they are told. */
#include "world.h"

#include "../support/fixture.h"
#include "../support/fuse_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define OLD 0x11111111u
#define NEW 0x22222222u

struct stage {
	struct world world;
	struct guest guest, other;
	struct wl_surface *surface;
	struct memory memory;
	struct picture picture;
};

static void stage_start(struct stage *s, int seals)
{
	world_start(&s->world);
	guest_join(&s->guest, &s->world);
	guest_join(&s->other, &s->world);
	s->surface = wl_compositor_create_surface(s->guest.compositor);
	memory_create(&s->memory, &s->guest, BYTES, seals);
	picture_create(&s->picture, &s->guest, &s->memory, 0);
	picture_fill(&s->picture, OLD);
}

static void stage_stop(struct stage *s)
{
	assert_no_error(&s->other); /* whatever became of the first */
	wl_surface_destroy(s->surface);
	wl_buffer_destroy(s->picture.buffer);
	memory_destroy(&s->memory);
	guest_leave(&s->guest);
	guest_leave(&s->other);
	world_stop(&s->world);
}

static void stage_stop_offended(struct stage *s)
{
	assert_error(&s->guest, "wl_buffer", WL_SHM_ERROR_INVALID_FD);
	assert_disconnected(&s->guest);
	stage_stop(s);
}

static void stage_stop_in_peace(struct stage *s)
{
	assert_no_error(&s->guest);
	stage_stop(s);
}

/* ---- Offences ---- */

/* The expectation of Weston's bad-buffer-test: 12 bytes are left, attach, commit. */
START_TEST(commit_of_a_buffer_that_was_cut_is_an_error)
{
	struct stage s;
	stage_start(&s, 0);
	memory_cut(&s.memory, (size_t)(long[]){ 12, 0, 8192 }[_i]);
	show_all(&s.guest, s.surface, &s.picture);
	if (s.guest.client) /* else it was found at the commit */
		ck_assert_uint_eq(pixel_at(s.picture.served, SIDE - 1, SIDE - 1), 0);
	stage_stop_offended(&s);
}
END_TEST

START_TEST(error_is_there_when_the_access_ends)
{
	struct stage s;
	stage_start(&s, 0);
	memory_cut(&s.memory, 12);
	show_all(&s.guest, s.surface, &s.picture);
	pixel_at(s.picture.served, 0, SIDE - 1);
	wl_display_flush_clients(s.world.display); /* no turn of the event loop since */
	wl_display_dispatch(s.guest.connection);
	ck_assert_int_ne(wl_display_get_error(s.guest.connection), 0);
	stage_stop_offended(&s);
}
END_TEST

START_TEST(cut_while_shown_is_an_error_at_the_next_commit)
{
	struct stage s;
	stage_start(&s, 0);
	show_all(&s.guest, s.surface, &s.picture);
	assert_all_pixels(s.picture.served, OLD);
	memory_cut(&s.memory, 0);
	assert_all_pixels(s.picture.served, OLD); /* what was shown stays */
	assert_no_error(&s.guest);
	/* Damage where nothing is lost yet would tell nothing. */
	show(&s.guest, s.surface, &s.picture, 0, 0, 1, 1);
	stage_stop_offended(&s);
}
END_TEST

/* Of a page of which the only buffer has the middle. */
static void picture_create_within_a_page(
	struct picture *picture, struct memory *memory, struct guest *guest)
{
	enum { SMALL = 16 };
	memory_create(memory, guest, (size_t)sysconf(_SC_PAGESIZE), 0);
	*picture = (struct picture){ .buffer = wl_shm_pool_create_buffer(memory->pool, 1024, SMALL,
					     SMALL, SMALL * 4, WL_SHM_FORMAT_XRGB8888) };
	exchange(guest);
	picture->served = served_buffer(guest, picture->buffer);
}

START_TEST(cut_of_a_buffer_within_a_page_is_an_error)
{
	struct stage s;
	struct memory memory;
	struct picture small;
	stage_start(&s, 0);
	picture_create_within_a_page(&small, &memory, &s.guest);
	show_all(&s.guest, s.surface, &small);
	ck_assert_uint_eq(pixel_at(small.served, 0, 0), 0);
	memory_cut(&memory, 0);
	show_all(&s.guest, s.surface, &small);
	wl_buffer_destroy(small.buffer);
	memory_destroy(&memory);
	stage_stop_offended(&s);
}
END_TEST

START_TEST(file_that_ends_before_a_buffer_within_its_page_is_no_offence)
{
	struct stage s;
	struct memory memory;
	struct picture small;
	stage_start(&s, 0);
	picture_create_within_a_page(&small, &memory, &s.guest);
	memory_cut(&memory, 512);
	show_all(&s.guest, s.surface, &small);
	ck_assert_uint_eq(pixel_at(small.served, 0, 0), 0);
	wl_buffer_destroy(small.buffer);
	memory_destroy(&memory);
	stage_stop_in_peace(&s);
}
END_TEST

START_TEST(cut_and_grown_again_is_an_error_where_it_was_read)
{
	struct stage s;
	stage_start(&s, 0);
	memory_cut(&s.memory, 0);
	show_all(&s.guest, s.surface, &s.picture);
	assert_all_pixels(s.picture.served, 0);
	memory_cut(&s.memory, BYTES);
	stage_stop_offended(&s);
}
END_TEST

/* Through the pointer, with no call to us: the event loop brings it. */
START_TEST(loss_that_only_a_fault_finds_is_an_error)
{
	struct stage s;
	if (runner_skip_eager())
		return;
	stage_start(&s, 0);
	wl_shm_pool_resize(s.memory.pool, 2 * BYTES);
	struct picture second;
	picture_create(&second, &s.guest, &s.memory, BYTES);
	volatile const uint32_t *data = wl_shm_buffer_get_data(s.picture.served);
	ck_assert_uint_eq(data[SIDE * SIDE * 2 - 1], 0);
	assert_error(&s.guest, "wl_buffer", WL_SHM_ERROR_INVALID_FD);
	wl_buffer_destroy(second.buffer);
	stage_stop_offended(&s);
}
END_TEST

START_TEST(sealed_pool_that_outgrows_its_file_is_an_error)
{
	struct stage s;
	stage_start(&s, F_SEAL_SHRINK);
	wl_shm_pool_resize(s.memory.pool, 1 << 20);
	struct picture second;
	picture_create(&second, &s.guest, &s.memory, (1 << 20) - BYTES);
	show_all(&s.guest, s.surface, &second);
	assert_all_pixels(second.served, 0);
	assert_error(&s.guest, "wl_buffer", WL_SHM_ERROR_INVALID_FD);
	wl_buffer_destroy(second.buffer);
	stage_stop_offended(&s);
}
END_TEST

START_TEST(sealed_pool_may_grow_with_its_file)
{
	struct stage s;
	stage_start(&s, F_SEAL_SHRINK);
	memory_cut(&s.memory, 1 << 20);
	wl_shm_pool_resize(s.memory.pool, 1 << 20);
	struct picture second;
	picture_create(&second, &s.guest, &s.memory, (1 << 20) - BYTES);
	show_all(&s.guest, s.surface, &second);
	assert_all_pixels(second.served, 0);
	wl_buffer_destroy(second.buffer);
	stage_stop_in_peace(&s);
}
END_TEST

/* ---- No offences ---- */

START_TEST(punching_holes_is_no_offence_and_costs_no_memory)
{
	struct stage s;
	stage_start(&s, 0);
	show_all(&s.guest, s.surface, &s.picture);
	assert_all_pixels(s.picture.served, OLD);
	file_punch(s.memory.fd, 0, BYTES / (size_t)sysconf(_SC_PAGESIZE));
	show_all(&s.guest, s.surface, &s.picture);
	assert_all_pixels(s.picture.served, 0);
	ck_assert_uint_eq(file_allocated_bytes(s.memory.fd), 0);
	stage_stop_in_peace(&s);
}
END_TEST

START_TEST(file_that_ends_within_the_last_page_is_no_offence)
{
	struct stage s;
	stage_start(&s, 0);
	memory_cut(&s.memory, BYTES - 100);
	show_all(&s.guest, s.surface, &s.picture);
	ck_assert_uint_eq(pixel_at(s.picture.served, SIDE - 1, SIDE - 1), 0);
	ck_assert_uint_eq(pixel_at(s.picture.served, 0, SIDE - 1), OLD);
	stage_stop_in_peace(&s);
}
END_TEST

START_TEST(file_shorter_than_its_pool_is_no_offence)
{
	struct stage s;
	stage_start(&s, 0);
	wl_shm_pool_resize(
		s.memory.pool, 1 << 20); /* the client will let it grow when it needs it */
	show_all(&s.guest, s.surface, &s.picture);
	assert_all_pixels(s.picture.served, OLD);
	stage_stop_in_peace(&s);
}
END_TEST

START_TEST(buffer_destroyed_before_the_cut_is_no_offence)
{
	struct stage s;
	stage_start(&s, 0);
	show_all(&s.guest, s.surface, &s.picture);
	struct wl_shm_pool *pool = wl_shm_buffer_ref_pool(s.picture.served);
	volatile const uint32_t *data = wl_shm_buffer_get_data(s.picture.served);
	ck_assert_uint_eq(data[0], OLD);
	wl_buffer_destroy(s.picture.buffer);
	exchange(&s.guest);
	memory_cut(&s.memory, 0);
	wl_surface_damage(s.surface, 0, 0, SIDE, SIDE);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	ck_assert_uint_eq(data[SIDE * SIDE - 1], OLD);
	picture_create(&s.picture, &s.guest, &s.memory, 0); /* for the end of the test */
	assert_no_error(&s.guest);
	wl_shm_pool_unref(pool);
	stage_stop(&s);
}
END_TEST

/* ---- Files that block ---- */

struct served {
	struct stage s;
	struct fuse_file *file;
	struct memory memory;
	struct picture picture;
};

static bool served_start(struct served *served)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char path[64];
	served->file = fuse_file_start(BYTES / page, false);
	if (!served->file)
		return false;
	struct stage *s = &served->s;
	stage_start(s, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fuse_file_fd(served->file));
	served->memory = (struct memory){ .fd = open(path, O_RDWR | O_CLOEXEC), .length = BYTES };
	ck_assert_int_ge(served->memory.fd, 0);
	served->memory.pool = wl_shm_create_pool(s->guest.shm, served->memory.fd, BYTES);
	picture_create(&served->picture, &s->guest, &served->memory, 0);
	show_all(&s->guest, s->surface, &served->picture);
	wl_shm_buffer_get_data(served->picture.served); /* from now on each commit is read */
	return true;
}

static void served_stop(struct served *served)
{
	fuse_file_behave(served->file, FUSE_ANSWERS);
	wl_buffer_destroy(served->picture.buffer);
	wl_shm_pool_destroy(served->memory.pool);
	close(served->memory.fd);
	stage_stop(&served->s);
	fuse_file_stop(served->file);
}

/* Only the first commit waits. */
START_TEST(file_that_stalls_once_is_no_offence_however_often_it_is_committed)
{
	struct served served;
	if (!served_start(&served))
		return;
	struct stage *s = &served.s;
	fuse_file_behave(served.file, FUSE_STALLS);
	for (unsigned i = 0; i < 40; i++)
		show_all(&s->guest, s->surface, &served.picture);
	assert_no_error(&s->guest);
	served_stop(&served);
}
END_TEST

START_TEST(file_that_stalls_again_and_again_is_an_error)
{
	struct served served;
	const char *interface;
	if (!served_start(&served))
		return;
	struct stage *s = &served.s;
	while (guest_error(&s->guest, &interface) == 0) {
		fuse_file_behave(served.file, FUSE_STALLS);
		show_all(&s->guest, s->surface, &served.picture);
		fuse_file_behave(served.file, FUSE_ANSWERS);
	}
	assert_error(&s->guest, "wl_buffer", WL_SHM_ERROR_INVALID_FD);
	served_stop(&served);
}
END_TEST

static struct wl_shm_pool *pool_of_file(struct guest *guest, struct fuse_file *file)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fuse_file_fd(file));
	const int fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(guest->shm, fd, BYTES);
	exchange(guest);
	close(fd);
	return pool;
}

/* The client waits too, when it closes what it has sent: so it is another process. */
static pid_t ask_for_pools(struct guest *guest, int fd)
{
	const pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child > 0)
		return child;
	for (unsigned i = 0; i < 10; i++)
		wl_shm_create_pool(guest->shm, fd, BYTES);
	wl_display_flush(guest->connection);
	_exit(0);
}

/* Closing what the client has sent waits for the server of the file. */
START_TEST(pool_of_a_file_that_stalls_stops_nobody)
{
	struct world world;
	struct guest guest;
	char path[64];
	struct fuse_file *file = fuse_file_start(BYTES / (size_t)sysconf(_SC_PAGESIZE), false);
	if (!file)
		return;
	world_start(&world);
	guest_join(&guest, &world);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fuse_file_fd(file));
	const int fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	fuse_file_behave(file, FUSE_STALLS);
	const size_t n_fds = count_fds();
	const pid_t client = ask_for_pools(&guest, fd);
	for (unsigned i = 0; i < 100 && count_fds() == n_fds; i++) {
		usleep(20000);
		turn(&world); /* or it waits for ever */
	}
	ck_assert_uint_gt(count_fds(), n_fds);
	fuse_file_behave(file, FUSE_ANSWERS);
	waitpid(client, NULL, 0);
	close(fd);
	guest_leave(&guest);
	world_stop(&world);
	fuse_file_stop(file);
}
END_TEST

/* Until its client is disconnected. */
static void stall_on(struct guest *guest, struct fuse_file *file)
{
	struct memory memory = { .pool = pool_of_file(guest, file) };
	struct wl_surface *surface = wl_compositor_create_surface(guest->compositor);
	struct picture picture;
	const char *interface;
	picture_create(&picture, guest, &memory, 0);
	show_all(guest, surface, &picture);
	wl_shm_buffer_get_data(picture.served);
	while (guest_error(guest, &interface) == 0) {
		fuse_file_behave(file, FUSE_STALLS);
		show_all(guest, surface, &picture);
		fuse_file_behave(file, FUSE_ANSWERS);
	}
	wl_surface_destroy(surface);
	wl_buffer_destroy(picture.buffer);
	wl_shm_pool_destroy(memory.pool);
}

/* It cannot stall again by a new connection: its files that can block are not taken for a while. */
START_TEST(program_that_was_disconnected_for_stalling_is_known_when_it_comes_back)
{
	struct world world;
	struct guest guest, again, other;
	struct memory memory;
	struct picture picture;
	int sockets[2][2], strangers[1][2];
	struct fuse_file *file = fuse_file_start(BYTES / (size_t)sysconf(_SC_PAGESIZE), false);
	if (!file)
		return;
	world_start(&world);
	process_connect(sockets, 2);
	process_connect(strangers, 1);
	guest_join_by(&guest, &world, sockets[0]);
	stall_on(&guest, file);
	assert_disconnected(&guest);
	guest_join_by(&other, &world, strangers[0]);
	wl_shm_pool_destroy(pool_of_file(&other, file));
	assert_no_error(&other);
	guest_join_by(&again, &world, sockets[1]);
	picture_create_alone(&picture, &memory, &again, OLD);
	assert_all_pixels(picture.served, OLD);
	wl_shm_pool_destroy(pool_of_file(&again, file));
	assert_error(&again, "wl_shm", WL_SHM_ERROR_INVALID_FD);
	wl_buffer_destroy(picture.buffer);
	memory_destroy(&memory);
	guest_leave(&again);
	guest_leave(&other);
	guest_leave(&guest);
	world_stop(&world);
	fuse_file_stop(file);
}
END_TEST

/* -1 after runner_skip(). */
static int file_on_a_disk(void)
{
	struct stat st;
	const int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 && fstat(fd, &st) == 0 && major(st.st_dev) != 0) {
		ck_assert_int_eq(ftruncate(fd, BYTES), 0);
		return fd;
	}
	if (fd >= 0)
		close(fd);
	runner_skip("no disk that has files without name");
	return -1;
}

/* Two programs, or one that starts another, use up what is forgiven to all. */
START_TEST(files_on_a_disk_are_taken_however_often_servers_stall)
{
	enum { N = 2 };
	int sockets[N][2], strangers[2][2];
	struct world world;
	struct guest guests[N], other, again;
	struct fuse_file *file = fuse_file_start(BYTES / (size_t)sysconf(_SC_PAGESIZE), false);
	const int disk = file ? file_on_a_disk() : -1;
	if (disk < 0)
		return;
	world_start(&world);
	for (unsigned i = 0; i < N; i++) {
		process_connect(&sockets[i], 1);
		guest_join_by(&guests[i], &world, sockets[i]);
		stall_on(&guests[i], file);
		guest_leave(&guests[i]);
	}
	process_connect(strangers, 2);
	guest_join_by(&other, &world, strangers[0]);
	wl_shm_pool_destroy(wl_shm_create_pool(other.shm, disk, BYTES));
	assert_no_error(&other);
	guest_join_by(&again, &world, strangers[1]);
	wl_shm_pool_destroy(pool_of_file(&again, file));
	assert_error(&again, "wl_shm", WL_SHM_ERROR_INVALID_FD);
	guest_leave(&again);
	guest_leave(&other);
	close(disk);
	world_stop(&world);
	fuse_file_stop(file);
}
END_TEST

/* Whoever writes to a file holds its lock until it has the bytes, which this page never gives. */
struct holder {
	struct memory memory;
	const void *page;
	pthread_t thread;
};

static void *write_what_does_not_come(void *data)
{
	const struct holder *holder = data;
	(void)!pwrite(holder->memory.fd, holder->page, 1, 0);
	return NULL;
}

static void hold_lock(struct holder *holder, struct guest *guest, const void *page)
{
	memory_create(&holder->memory, guest, BYTES, 0);
	holder->page = page;
	ck_assert_int_eq(
		pthread_create(&holder->thread, NULL, write_what_does_not_come, holder), 0);
}

static bool is_sealed_soon(const struct memory *memory)
{
	for (unsigned i = 0; i < 200; i++) {
		if (fcntl(memory->fd, F_GET_SEALS) & F_SEAL_SHRINK)
			return true;
		usleep(10000);
	}
	return false;
}

/* To add a seal takes the file's lock, and the guard does that for few files at a time. */
START_TEST(seals_that_one_program_holds_up_cost_no_other_its_own)
{
	enum { N = 12 };
	int sockets[1][2], strangers[1][2];
	struct world world;
	struct guest guest, other;
	struct holder holders[N];
	struct memory memory;
	struct fuse_file *file = fuse_file_start(1, false);
	if (!file)
		return;
	setenv("UFFD_GUARD_WL_SHM_MODE", "auto", 1);
	world_start(&world);
	process_connect(sockets, 1);
	process_connect(strangers, 1);
	guest_join_by(&guest, &world, sockets[0]);
	guest_join_by(&other, &world, strangers[0]);
	const void *page = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fuse_file_fd(file), 0);
	ck_assert_ptr_ne(page, MAP_FAILED);
	fuse_file_behave(file, FUSE_STALLS);
	for (unsigned i = 0; i < N; i++)
		hold_lock(&holders[i], &guest, page);
	usleep(200000); /* all of them */
	exchange(&guest);
	memory_create(&memory, &other, BYTES, 0);
	exchange(&other);
	ck_assert(is_sealed_soon(&memory));
	fuse_file_behave(file, FUSE_ANSWERS);
	for (unsigned i = 0; i < N; i++) {
		pthread_join(holders[i].thread, NULL);
		memory_destroy(&holders[i].memory);
	}
	memory_destroy(&memory);
	assert_no_error(&other);
	guest_leave(&other);
	guest_leave(&guest);
	world_stop(&world);
	fuse_file_stop(file);
}
END_TEST

static TCase *files_that_block(void)
{
	TCase *tcase = tcase_create("files that block");
	tcase_add_test(tcase, file_that_stalls_once_is_no_offence_however_often_it_is_committed);
	tcase_add_test(tcase, file_that_stalls_again_and_again_is_an_error);
	tcase_add_test(tcase, pool_of_a_file_that_stalls_stops_nobody);
	add_of_libwayland(tcase, files_on_a_disk_are_taken_however_often_servers_stall);
	tcase_add_test(tcase, seals_that_one_program_holds_up_cost_no_other_its_own);
	add_of_libwayland(
		tcase, program_that_was_disconnected_for_stalling_is_known_when_it_comes_back);
	return tcase;
}

static TCase *offences(void)
{
	TCase *tcase = tcase_create("offences");
	tcase_add_loop_test(tcase, commit_of_a_buffer_that_was_cut_is_an_error, 0, 3);
	add_of_libwayland(tcase, error_is_there_when_the_access_ends);
	tcase_add_test(tcase, cut_while_shown_is_an_error_at_the_next_commit);
	tcase_add_test(tcase, cut_of_a_buffer_within_a_page_is_an_error);
	add_of_libwayland(tcase, cut_and_grown_again_is_an_error_where_it_was_read);
	add_of_libwayland(tcase, loss_that_only_a_fault_finds_is_an_error);
	add_of_libwayland(tcase, sealed_pool_that_outgrows_its_file_is_an_error);
	return tcase;
}

static TCase *no_offences(void)
{
	TCase *tcase = tcase_create("no offences");
	tcase_add_test(tcase, sealed_pool_may_grow_with_its_file);
	tcase_add_test(tcase, punching_holes_is_no_offence_and_costs_no_memory);
	tcase_add_test(tcase, file_that_ends_within_the_last_page_is_no_offence);
	tcase_add_test(tcase, file_that_ends_before_a_buffer_within_its_page_is_no_offence);
	tcase_add_test(tcase, file_shorter_than_its_pool_is_no_offence);
	tcase_add_test(tcase, buffer_destroyed_before_the_cut_is_no_offence);
	return tcase;
}

RUNNER_MAIN("losses", offences, no_offences, files_that_block)
