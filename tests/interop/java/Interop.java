// Runs the suite, or the cases whose names match a pattern, and compares the outcome with what is expected.
//
// Interop EXPECTED [PATTERN]; status 0: all as expected.

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.TestDescriptor;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

public final class Interop {
    /** How long one case may take. */
    private static final String CASE_LIMIT = "120 s";
    /** The system property that names cases whose topics are all on one physical cluster. */
    static final String AT_HOME = "interop.home";

    private Interop() {
    }

    public static void main(String[] arguments) throws Exception {
        Expectation expected = Expectation.read(Path.of(arguments[0]));
        System.setProperty(AT_HOME, String.join(",", expected.atHome().keySet()));
        boolean whole = arguments.length == 1;
        Pattern pattern = Pattern.compile(whole ? ".*" : arguments[1]);
        // The suite prints what it likes; the report is what this prints.
        PrintStream out = System.out;
        System.setOut(System.err);
        Report report = new Report(out);
        Launcher launcher = LauncherFactory.create();
        long started = System.nanoTime();
        launcher.execute(request(pattern), report);
        Duration took = Duration.ofNanos(System.nanoTime() - started);
        List<String> surprises = report.surprises(expected, whole);
        surprises.forEach(out::println);
        out.printf("interop: %s in %d s: %s%n", report.summary(), took.toSeconds(),
            surprises.isEmpty() ? "as expected" : surprises.size() + " not as expected");
        // Threads of the suite may still linger.
        System.exit(surprises.isEmpty() ? 0 : 1);
    }

    private static LauncherDiscoveryRequest request(Pattern pattern) {
        return LauncherDiscoveryRequestBuilder.request()
            .selectors(selectClass(GatewayAuthorizerTest.class))
            .filters((PostDiscoveryFilter) test -> FilterResult.includedIf(matches(test, pattern)))
            .configurationParameter("junit.jupiter.execution.timeout.testable.method.default", CASE_LIMIT)
            .configurationParameter("junit.jupiter.execution.timeout.lifecycle.method.default", CASE_LIMIT)
            .build();
    }

    private static boolean matches(TestDescriptor test, Pattern pattern) {
        return !test.getChildren().isEmpty() || pattern.matcher(Report.name(test.getUniqueId())).matches();
    }
}
