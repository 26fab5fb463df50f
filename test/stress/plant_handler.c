/* SPDX-License-Identifier: MIT */
/*
 * The judge of loads that do not return, on a busy machine. The handler and a thread that never
 * sleeps share one processor. SCHED_IDLE leaves the handler some thousandth of it, and a machine
 * that is busy with other things leaves it less. No load returns here: how long one takes is
 * nothing that is judged.
 */
#include "plant_handler.h"

#include "../support/time_ns.h"
#include "judge.h"
#include "watchdog.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT	      (100 * NS_PER_MS)
#define BETWEEN_LOOKS (10 * NS_PER_MS)

struct scene {
	struct judge *judge;
	bool is_starved; /* the handler, and not asleep */
	cpu_set_t before, one;
	pthread_t handler, busy;
	sem_t end;
	atomic_bool shall_stop;
	struct watch watch;
	struct watchdog watchdog;
};

/* ---- Threads ---- */

static void spin(struct scene *scene)
{
	while (!atomic_load_explicit(&scene->shall_stop, memory_order_relaxed))
		;
}

static void *be_busy(void *data)
{
	struct scene *scene = data;
	pthread_setaffinity_np(pthread_self(), sizeof(scene->one), &scene->one);
	spin(scene);
	return NULL;
}

static void *be_handler(void *data)
{
	struct scene *scene = data;
	prctl(PR_SET_NAME, "uffd-guard");
	pthread_setaffinity_np(pthread_self(), sizeof(scene->one), &scene->one);
	if (scene->is_starved) {
		sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){ .sched_priority = 0 });
		spin(scene);
	}
	while (sem_wait(&scene->end))
		; /* a signal */
	return NULL;
}

static void choose_processor(struct scene *scene)
{
	int cpu = 0;
	pthread_getaffinity_np(pthread_self(), sizeof(scene->before), &scene->before);
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &scene->before))
		cpu++;
	CPU_ZERO(&scene->one);
	CPU_SET(cpu, &scene->one);
}

static int start_threads(struct scene *scene)
{
	choose_processor(scene);
	sem_init(&scene->end, 0, 0);
	int err = -pthread_create(&scene->busy, NULL, be_busy, scene);
	if (err)
		return err;
	err = -pthread_create(&scene->handler, NULL, be_handler, scene);
	if (err) {
		atomic_store(&scene->shall_stop, true);
		pthread_join(scene->busy, NULL);
	}
	return err;
}

static void stop_threads(struct scene *scene)
{
	atomic_store(&scene->shall_stop, true);
	sem_post(&scene->end);
	/* Any processor may let it come to its end. */
	pthread_setaffinity_np(scene->handler, sizeof(scene->before), &scene->before);
	pthread_join(scene->busy, NULL);
	pthread_join(scene->handler, NULL);
	sem_destroy(&scene->end);
}

/* ---- Scenes ---- */

/* A load waits for the handler. 0 or a negative errno, of which the judge is told. */
static int begin(struct scene *scene)
{
	scene->watchdog = (struct watchdog){
		.judge = scene->judge,
		.watches = &scene->watch,
		.n_watches = 1,
		.limits_ns = { [WATCHED_LOAD] = LIMIT, [WATCHED_CALL] = LIMIT },
	};
	int err = start_threads(scene);
	if (!err) {
		watch_begin(&scene->watch, WATCHED_LOAD, 0);
		err = watchdog_start(&scene->watchdog);
		if (err)
			stop_threads(scene);
	}
	if (err)
		judge_report(scene->judge, VIOLATION_ERROR, "no threads: %s", strerror(-err));
	return err;
}

static void end(struct scene *scene)
{
	watchdog_stop(&scene->watchdog);
	stop_threads(scene);
}

static bool is_reported(const struct scene *scene)
{
	return watch_is_reported(&scene->watch);
}

static bool is_excused(const struct scene *scene)
{
	return atomic_load(&scene->watchdog.n_excused) > 0;
}

/* Wait until it is so, for as long as @n_limits. */
static bool comes_true(
	const struct scene *scene, bool (*is_so)(const struct scene *scene), unsigned n_limits)
{
	for (uint64_t slept = 0; slept < n_limits * LIMIT && !is_so(scene); slept += BETWEEN_LOOKS)
		clock_sleep(BETWEEN_LOOKS);
	return is_so(scene);
}

/* A judge that excuses what sleeps does so until MOST_LIMITS: half as long tells it. */
void plant_sleeping_handler(struct judge *judge)
{
	struct scene scene = { .judge = judge };
	if (begin(&scene))
		return;
	comes_true(&scene, is_reported, MOST_LIMITS / 2);
	end(&scene);
}

void plant_starved_handler(struct judge *judge)
{
	struct scene scene = { .judge = judge, .is_starved = true };
	if (begin(&scene))
		return;
	const bool is_good = !starvation_is_told(&scene.watchdog.starvation) ||
			     comes_true(&scene, is_excused, MOST_LIMITS);
	end(&scene);
	if (!is_good)
		judge_report(judge, VIOLATION_UNANSWERED, "starved, and not excused");
}

void plant_handler_starved_for_ever(struct judge *judge)
{
	struct scene scene = { .judge = judge, .is_starved = true };
	if (begin(&scene))
		return;
	comes_true(&scene, is_reported, 3 * MOST_LIMITS);
	end(&scene);
}

/* In a process of its own, whose parent lets it go on. True: the load was reported. */
static bool stand_still(struct judge *judge)
{
	struct scene scene = { .judge = judge };
	if (begin(&scene))
		return true;
	watch_end(&scene.watch);
	clock_sleep(LIMIT);
	watch_begin(&scene.watch, WATCHED_LOAD, 0);
	raise(SIGSTOP);
	clock_sleep(LIMIT / 2);
	const bool is_bad = is_reported(&scene);
	watch_end(&scene.watch);
	end(&scene);
	return is_bad;
}

void plant_standstill(struct judge *judge)
{
	int status = 0;
	const pid_t pid = fork();
	if (pid == 0)
		_exit(stand_still(judge));
	if (pid > 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status)) {
		clock_sleep(5 * LIMIT);
		kill(pid, SIGCONT);
		waitpid(pid, &status, 0);
	}
	if (pid < 0 || status != 0)
		judge_report(judge, VIOLATION_UNANSWERED, "stood still, and was not excused");
}
