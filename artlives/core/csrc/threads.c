/* Threads of our own, which share the work of jobs.

   Its caller hands over a job and waits for it here, where no exception of Python's can end the wait: when
   `artlives_share` returns, no thread uses what the job points to. */

#include "abi.h"
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/* A job in work, on the stack of the thread that called `artlives_share`. */
typedef struct Call {
    Job *job;
    int64_t wanted;  /* threads that may still join its caller */
    int64_t at_work; /* threads that have joined it and not left */
    struct Call *next;
} Call;

/* `lock` guards all that follows. Threads wait for `called`, callers for `left`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t called = PTHREAD_COND_INITIALIZER, left = PTHREAD_COND_INITIALIZER;
static Call *calls; /* the oldest first */
static int64_t started;

/* A thread: it joins the oldest call that wants one more, again and again. */
static void *join_calls(void *none)
{
    pthread_mutex_lock(&lock);
    for (;;) {
        Call *call = calls;
        while (call && !call->wanted)
            call = call->next;
        if (!call) {
            pthread_cond_wait(&called, &lock);
            continue;
        }
        call->wanted--, call->at_work++;
        pthread_mutex_unlock(&lock);
        artlives_work(call->job);
        pthread_mutex_lock(&lock);
        if (--call->at_work == 0)
            pthread_cond_broadcast(&left);
    }
    return none;
}

/* Starts threads until there are `count`, or as many as the system allows. */
static void start(int64_t count)
{
    /* The process's signals are for its own threads. A thread's own faults, which Python's faulthandler tells of, cannot
       be handled elsewhere. */
    sigset_t blocked, before;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV), sigdelset(&blocked, SIGBUS), sigdelset(&blocked, SIGFPE), sigdelset(&blocked, SIGILL);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    pthread_t thread;
    for (; started < count && !pthread_create(&thread, NULL, join_calls, NULL); started++)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Does a job in up to `threads` threads, the caller's among them, and returns when all have let go of it. */
void artlives_share(Job *job, int64_t threads)
{
    Call call = {.job = job, .wanted = threads - 1}, **link = &calls;
    pthread_mutex_lock(&lock);
    if (started < threads - 1)
        start(threads - 1);
    while (*link)
        link = &(*link)->next;
    *link = &call;
    pthread_cond_broadcast(&called);
    pthread_mutex_unlock(&lock);
    artlives_work(job);
    pthread_mutex_lock(&lock);
    for (link = &calls; *link != &call;)
        link = &(*link)->next;
    *link = call.next;
    while (call.at_work)
        pthread_cond_wait(&left, &lock);
    pthread_mutex_unlock(&lock);
}

/* A forked child has none of its parent's threads, and those that were at work in the parent left their calls here. */
static void before_fork(void) { pthread_mutex_lock(&lock); }

static void in_parent(void) { pthread_mutex_unlock(&lock); }

static void in_child(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    called = left = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    calls = NULL, started = 0;
}

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(before_fork, in_parent, in_child); }
