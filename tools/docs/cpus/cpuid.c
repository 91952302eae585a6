/* Hides instruction sets from a process: with CPUID_LIMIT=avx2 or sse4, its CPUID instruction answers like that of a
 * CPU without AVX-512 and AMX, or without any AVX. Loaded with LD_PRELOAD; needs Linux on x86-64, and a CPU and kernel
 * that can make CPUID a fault. Programs are limited that choose their code by CPUID; the C library, which has chosen
 * before this is loaded, is not. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define NO_FAULTS 70 /* exit code: CPUID cannot be made a fault here */
#define BIT(n) (1u << (n))

static int no_avx, ready;

static void answer(int number, siginfo_t *info, void *context) {
    greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *code = (const unsigned char *)reg[REG_RIP];
    if (info->si_code != SI_KERNEL || code[0] != 0x0f || code[1] != 0xa2) {
        signal(number, SIG_DFL); /* another fault: it happens again, and ends the process */
        return;
    }
    uint32_t leaf = reg[REG_RAX], part = reg[REG_RCX], a, b, c, d;
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
    __cpuid_count(leaf, part, a, b, c, d);
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
    if (leaf == 1 && no_avx)
        c &= ~(BIT(12) | BIT(28) | BIT(29)); /* FMA, AVX, F16C */
    if (leaf == 7 && part == 0) {
        /* AVX-512 in b, c, d; GFNI, VAES, VPCLMULQDQ: c 8 to 10; AMX: d 22, 24, 25 */
        b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
        c &= ~(BIT(1) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14));
        d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));
        if (no_avx)
            b &= ~BIT(5); /* AVX2 */
    }
    if (leaf == 7 && part == 1)
        a = b = c = d = 0; /* AVX-VNNI, AVX-IFMA, AVX512-BF16, AVX10 and the like */
    reg[REG_RAX] = a;
    reg[REG_RBX] = b;
    reg[REG_RCX] = c;
    reg[REG_RDX] = d;
    reg[REG_RIP] += 2;
}

/* Python's faulthandler would replace the handler. */
int sigaction(int number, const struct sigaction *wanted, struct sigaction *old) {
    int (*next)(int, const struct sigaction *, struct sigaction *) = dlsym(RTLD_NEXT, "sigaction");
    return next(number, ready && number == SIGSEGV ? NULL : wanted, old);
}

__attribute__((constructor)) static void begin(void) {
    const char *limit = getenv("CPUID_LIMIT");
    if (!limit)
        return;
    no_avx = strcmp(limit, "avx2") != 0;
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    ready = 1;
    if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0))
        _exit(NO_FAULTS);
}
