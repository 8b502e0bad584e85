# The figure of a libFuzzer log: how much ran, what was covered, and when that grew last.
/^#[0-9]/ {
    for (i = 1; i < NF; i++) {
        if ($i == "cov:" && $(i + 1) > cov) { cov = $(i + 1); grown = substr($1, 2) }
    }
}
/^stat::number_of_executed_units/ { runs = $2 }
/^Done/ { seconds = $(NF - 1) }
END {
    if (!seconds) { print "fuzz: " target ": a law does not hold, see above"; exit 1 }
    printf "fuzz: %s: %d executions in %d s, %d edges covered, the last new one after %d %%\n", target, runs, seconds, cov, 100 * grown / runs
}
