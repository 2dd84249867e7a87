/* The firm loop of a month, as one would write it in C.
 *
 * The rules are those of econsim/behaviour.py and econsim/evaluation.py: consider, appraise options
 * with addressed SplitMix64 shocks, choose, settle, keep totals by cell. Logarithm, exponential and
 * sine are the C library's. Each thread adds what changes into totals of its own; these are added
 * up at the end, in whole numbers, so the number of threads cannot matter.
 *
 * Compiled by benchmarks/c_month.py with -DOPTIONS=..., the number of AI options.
 */
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#define TENURE_CLASSES 5
#define GROUPS (2 * TENURE_CLASSES)
#define NODES 12
#define NEVER -1.0e30
#define WEIGHT_UNIT 0x1p-20

/* Columns of firms, sorted by evaluation month and cell. */
typedef struct {
    const int32_t *cell;
    const uint64_t *key;
    const double *persons, *value_added, *scale, *wedge, *hurdle, *depth;
    const uint8_t *deep, *applicable;
    const double *threshold;
    const uint8_t *narrow;
    const double *compliance, *weight, *weight_usage, *weight_value, *weight_scale;
    uint8_t *option, *tenure;
    uint32_t *epoch;
    uint8_t *considering;
    double *hurdle_money, *surplus;
} Firms;

typedef struct {
    double beta, dissimilarity, persistence, carry_over, set_up_annuity, move_per_person;
    uint64_t redraw, no_option, stable_angle, stable_weight;
    uint64_t options[OPTIONS];
    int64_t open_weights[OPTIONS];
    double node_power[NODES], added_power[NODES], node_weight[NODES];
} Rules;

/* What one option offers to firms of one cell. */
typedef struct {
    double benefit_rate, seat_cost, set_up_cost, hardware_cost, set_up_annuity, hardware_annuity,
        running_cost, taste, available;
} Offer;

typedef struct {
    double voucher_rate, voucher_cap, switching_multiple, cumulative;
    Offer offer[OPTIONS];
} Terms;

/* Sums over the firms of one cell. */
typedef struct {
    double value[OPTIONS][GROUPS];
    double usage[OPTIONS], firms[OPTIONS], scale[OPTIONS];
    double users, considering, hurdle, surplus;
    double new_scale[OPTIONS], moving, vouchers, leavers, switchers, evaluating;
} Totals;

size_t size_of_rules(void) { return sizeof(Rules); }
size_t size_of_terms(void) { return sizeof(Terms); }
size_t size_of_totals(void) { return sizeof(Totals); }

static inline uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline double uniform(uint64_t key, uint64_t address, uint64_t occasion) {
    uint64_t counter = (occasion << 32) + address;
    double u = (double)(mix(key + counter * 0x9E3779B97F4A7C15u) >> 11) * 0x1p-53 + 0x1p-54;
    return fmin(u, 1.0 - 0x1p-53);
}

/* A whole number of at most 24 binary digits, as the engine keeps money. */
static inline double whole_money(double money) { return rint((double)(float)money); }

static inline double gumbel(double u) { return -log(-log(u)); }

static inline double log_positive_stable(double u, double v, double index) {
    if (index >= 1.0)
        return 0.0;
    double angle = u * 3.141592653589793;
    return log(sin(index * angle)) - log(sin(angle)) / index +
           (1.0 - index) / index * (log(sin((1.0 - index) * angle)) - log(-log(v)));
}

/* Surplus a year: closed options along their net saving, then open ones beside them. */
static double expected_surplus(const Rules *rules, const double *value, const double *net) {
    double top = value[0];
    for (int k = 1; k < OPTIONS; k++)
        top = value[k] > top ? value[k] : top;
    if (top <= 0.5 * NEVER)
        return 0.0;
    double index = rules->dissimilarity, weight[2] = {0.0, 0.0}, saving[2] = {0.0, 0.0};
    for (int k = 0; k < OPTIONS; k++)
        if (value[k] > 0.5 * NEVER) {
            double share = exp((value[k] - top) / index);
            weight[rules->open_weights[k]] += share;
            saving[rules->open_weights[k]] += share * net[k];
        }
    double result = 0.0;
    if (weight[0] > 0.0) {
        double odds = exp(top + index * log(weight[0])), reached = 0.0;
        for (int n = 0; n < NODES; n++) {
            double along = odds * rules->node_power[n];
            reached += rules->node_weight[n] * (along / (1.0 + along));
        }
        result += saving[0] / weight[0] * reached;
    }
    if (weight[1] > 0.0) {
        double reached = 0.0;
        for (int n = 0; n < NODES; n++) {
            double own = weight[1] * rules->added_power[n], together = weight[0] + own;
            double use = 1.0 / (1.0 + exp(-(top + index * log(together))));
            reached += rules->node_weight[n] * (own / together * use);
        }
        result += saving[1] / weight[1] * reached;
    }
    return result;
}

static inline void evaluate(int64_t row, const Firms *firms, const Rules *rules,
                            const Terms *by_cell, Totals *totals, double activity,
                            uint64_t occasion) {
    int32_t cell = firms->cell[row];
    const Terms *terms = &by_cell[cell];
    Totals *sums = &totals[cell];
    double weight = firms->weight[row];

    if (!firms->considering[row]) {
        if (!firms->applicable[row] || terms->cumulative < firms->threshold[row])
            return;
        firms->considering[row] = 1;
        sums->considering += weight;
    }

    /* The firm's luck: new at this evaluation, or that of an earlier one. */
    uint64_t key = firms->key[row], epoch = firms->epoch[row];
    if (uniform(key, rules->redraw, occasion) >= rules->persistence)
        epoch = occasion;
    double index = rules->dissimilarity;
    double common = log_positive_stable(uniform(key, rules->stable_angle, epoch),
                                        uniform(key, rules->stable_weight, epoch), index);
    double no_option = gumbel(uniform(key, rules->no_option, epoch));

    /* What each option is worth to it. */
    int before = firms->option[row], chosen = 0;
    double persons = firms->persons[row], scale = firms->scale[row], wedge = firms->wedge[row];
    double depth = firms->depth[row], hurdle = firms->hurdle[row];
    double compliance = firms->compliance[row];
    double value_added = activity * firms->value_added[row];
    double move = rules->move_per_person * terms->switching_multiple * persons;
    double net[OPTIONS], value[OPTIONS], voucher[OPTIONS], best = no_option;
    for (int k = 0; k < OPTIONS; k++) {
        const Offer *offer = &terms->offer[k];
        voucher[k] = fmin(terms->voucher_rate * (scale * offer->set_up_cost + offer->hardware_cost),
                          terms->voucher_cap);
        double relief = before == k + 1 ? 0.0 : rules->set_up_annuity * voucher[k];
        double up_front =
            fmax(scale * offer->set_up_annuity + offer->hardware_annuity - relief, 0.0);
        double cost =
            persons * depth * offer->seat_cost + wedge * up_front + offer->running_cost;
        if (before > 0 && before != k + 1)
            cost += rules->set_up_annuity * move;
        net[k] = value_added * offer->benefit_rate * depth - cost;
        value[k] = NEVER;
        if (net[k] > 0.0 && compliance < offer->available) {
            value[k] = rules->beta * (log(net[k]) - hurdle) + offer->taste;
            double utility =
                value[k] + index * (gumbel(uniform(key, rules->options[k], epoch)) + common);
            if (utility > best) {
                best = utility;
                chosen = k + 1;
            }
        }
    }

    /* Experience, and totals of those who use an option. */
    int tenure = 0, group = firms->deep[row] * TENURE_CLASSES;
    if (before) {
        int k = before - 1;
        sums->value[k][group + firms->tenure[row]] -= firms->weight_value[row];
        sums->usage[k] -= firms->weight_usage[row];
        sums->firms[k] -= weight;
        sums->scale[k] -= firms->weight_scale[row];
        sums->evaluating += weight;
    }
    double money = 0.0, real = weight * WEIGHT_UNIT;
    if (chosen) {
        int k = chosen - 1;
        if (before) {
            tenure = firms->tenure[row] + 1;
            if (tenure > TENURE_CLASSES - 1)
                tenure = TENURE_CLASSES - 1;
            if (rules->open_weights[k] != rules->open_weights[before - 1])
                tenure = (int)(rules->carry_over * tenure);
        }
        sums->value[k][group + tenure] += firms->weight_value[row];
        sums->usage[k] += firms->weight_usage[row];
        sums->firms[k] += weight;
        sums->scale[k] += firms->weight_scale[row];
        money = whole_money(real * (net[k] * exp(-(best - no_option) / rules->beta)));
        if (chosen != before) {
            sums->new_scale[k] += firms->weight_scale[row];
            sums->vouchers += rint(real * voucher[k]);
            if (before) {
                sums->moving += rint(real * move);
                sums->switchers += weight;
            }
        }
    } else if (before) {
        sums->leavers += weight;
    }
    if (!firms->narrow[row])
        sums->users += weight * ((chosen > 0) - (before > 0));
    double surplus = whole_money(real * expected_surplus(rules, value, net));
    sums->hurdle += money - firms->hurdle_money[row];
    sums->surplus += surplus - firms->surplus[row];

    firms->option[row] = (uint8_t)chosen;
    firms->tenure[row] = (uint8_t)tenure;
    firms->epoch[row] = (uint32_t)epoch;
    firms->hurdle_money[row] = money;
    firms->surplus[row] = surplus;
}

/* Let the firms from row first to row last - 1 evaluate; add what changes to the totals.
 *
 * Firms due are sorted by cell, so a thread's share of them lies in few cells: only the totals of
 * these are set to zero before, and added up after.
 */
void month(int64_t first, int64_t last, const Firms *firms, const Rules *rules,
           const Terms *terms, Totals *totals, Totals *changes, int64_t cells, double activity,
           uint64_t occasion, int threads) {
#pragma omp parallel num_threads(threads)
    {
        int64_t thread = omp_get_thread_num(), due = last - first;
        int64_t begin = first + due * thread / threads, end = first + due * (thread + 1) / threads;
        if (begin < end) {
            Totals *own = changes + cells * thread;
            int64_t from = firms->cell[begin], to = firms->cell[end - 1] + 1;
            memset(own + from, 0, (size_t)(to - from) * sizeof(Totals));
            for (int64_t row = begin; row < end; row++)
                evaluate(row, firms, rules, terms, own, activity, occasion);

            const int64_t width = sizeof(Totals) / sizeof(double);
            const double *change = (const double *)(own + from);
            double *sum = (double *)(totals + from);
#pragma omp critical
            for (int64_t i = 0; i < (to - from) * width; i++)
                sum[i] += change[i];
        }
    }
}
