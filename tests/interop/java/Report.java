// Collects how each case ended.

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.UniqueId;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;

final class Report implements TestExecutionListener {
    private final PrintStream out;
    private final Map<String, Boolean> passed = new TreeMap<>();
    private final List<String> broken = new ArrayList<>();

    Report(PrintStream out) {
        this.out = out;
    }

    /** A case's name: its method, and which call of it when it has parameters. */
    static String name(UniqueId id) {
        StringBuilder name = new StringBuilder();
        for (UniqueId.Segment segment : id.getSegments()) {
            switch (segment.getType()) {
                case "method", "test-template" -> name.append(segment.getValue().replaceAll("\\(.*", ""));
                case "test-template-invocation" -> name.append(segment.getValue());
                default -> { }
            }
        }
        return name.toString();
    }

    @Override
    public synchronized void executionFinished(TestIdentifier test, TestExecutionResult result) {
        boolean good = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
        String name = name(test.getUniqueIdObject());
        if (test.isTest()) {
            passed.put(name, good);
            out.println((good ? "ok   " : "FAIL ") + name);
        } else if (!good) {
            broken.add("broken: " + test.getDisplayName());
        }
        if (!good) {
            result.getThrowable().ifPresent(failure -> failure.printStackTrace(out));
        }
    }

    @Override
    public synchronized void executionSkipped(TestIdentifier test, String reason) {
        broken.add("skipped: " + test.getDisplayName() + ": " + reason);
    }

    /** Everything that is not as expected; a part of the suite need not have all cases. */
    List<String> surprises(Expectation expected, boolean whole) {
        List<String> surprises = new ArrayList<>(broken);
        passed.forEach((name, good) -> {
            String reason = expected.deviations().get(name);
            if (!good && reason == null) {
                surprises.add("fails: " + name);
            } else if (good && reason != null) {
                surprises.add("passes, although listed as a deviation: " + name);
            }
        });
        if (whole) {
            TreeSet<String> absent = new TreeSet<>(expected.deviations().keySet());
            absent.addAll(expected.atHome().keySet());
            absent.removeAll(passed.keySet());
            absent.forEach(name -> surprises.add("no such case: " + name));
            if (passed.size() != expected.cases()) {
                surprises.add("there are " + passed.size() + " cases, not " + expected.cases());
            }
        } else if (passed.isEmpty()) {
            surprises.add("no case of that name");
        }
        return surprises;
    }

    String summary() {
        long good = passed.values().stream().filter(Boolean::booleanValue).count();
        return good + " of " + passed.size() + " cases pass";
    }
}
