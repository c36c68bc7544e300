# shellcheck shell=bash
# Which lines and functions the tests reached: `make coverage`. tests/suite
# sources this at its end, after a build with COVERAGE=1. What a process that was
# killed had counted is lost, so the truth is a little better than what is told.
# shellcheck disable=SC2154 # suite sets log, src and the others

# What must be reached, in percent, where the whole suite ran.
COVERAGE_LINES=${COVERAGE_LINES:-90}
# Files whose every function must be.
COVERAGE_ALL='extension/core/policy.*\.c|extension/token.*\.c|bgworker/relay/token\.c|bgworker/queue/(run|settle.*|reap)\.c'

part_coverage()
{
	local report=$log/coverage.txt good=0 bad=0
	if ! command -v lcov > /dev/null; then
		say "there is no lcov"
		part_done coverage 0 0 2
		return
	fi
	lcov --quiet --capture --directory "$src" --base-directory "$src" --no-external \
		--output-file "$log/coverage.info" > "$log/lcov.log" 2>&1 || show_end "$log/lcov.log"
	perl - "$src/" "$COVERAGE_ALL" "$log/coverage.info" > "$report" <<-'END'
		my ($root, $all, $info) = @ARGV;
		my ($file, %lines, %functions, @sum, @missed);
		open my $in, '<', $info or die "no $info";
		while (<$in>) {
			$file = $1 =~ s/^\Q$root\E//r if /^SF:(.*)/;
			next if $file !~ /^(extension|bgworker)/ || $file =~ /page_data/;
			$lines{$file}[0]++, $lines{$file}[1] += $2 > 0 if /^DA:(\d+),(\d+)/;
			if (/^FNDA:(\d+),(.*)/) {
				$functions{$file}[0]++;
				$functions{$file}[1] += $1 > 0;
				push @missed, "$file $2" if $1 == 0;
			}
		}
		sub percent { return $_[0] ? 100 * ($_[1] // 0) / $_[0] : 100 }
		foreach (sort keys %lines) {
			my ($l, $f) = ($lines{$_}, $functions{$_} // [0, 0]);
			printf "%6.1f %% lines %6.1f %% functions  %s\n", percent(@$l), percent(@$f), $_;
			$sum[0] += $l->[0]; $sum[1] += $l->[1] // 0; $sum[2] += $f->[0]; $sum[3] += $f->[1] // 0;
		}
		print "not reached: $_\n" foreach sort @missed;
		my @must = grep { /^(?:$all) / } @missed;
		print "must be reached: $_\n" foreach sort @must;
		printf "lines %.1f %%, functions %.1f %%\n", percent(@sum[0, 1]), percent(@sum[2, 3]);
	END
	tail -n 1 "$report"
	grep '^must be reached' "$report" || true
	if awk -v least="$COVERAGE_LINES" 'END { exit !($2 >= least) }' "$report"; then good=1; else bad=1; fi
	if grep -q '^must be reached' "$report"; then bad=$((bad + 1)); else good=$((good + 1)); fi
	part_done coverage "$good" "$bad"
}
