using System.Globalization;
using System.Xml.Linq;

namespace Replication.Controller.Drill.Report;

/// <summary>The report as CI systems read it: a suite for each scenario, a case for each phase.</summary>
internal static class JUnitXml
{
    public static XDocument Of(DrillReport report) => new(new XElement(
        "testsuites",
        report.Phases.GroupBy(p => p.Scenario).Select(scenario => new XElement(
            "testsuite",
            new XAttribute("name", "drill." + scenario.Key),
            new XAttribute("tests", scenario.Count()),
            new XAttribute("failures", scenario.Count(p => p.Result != DrillReport.Passed)),
            new XAttribute("time", Seconds(scenario.Sum(p => p.ElapsedMs))),
            new XElement(
                "properties",
                Property("seed", report.Seed),
                Property("disks", report.Disks),
                Property("sizeBytes", report.SizeBytes),
                Property("rtoMs", report.RtoMs),
                Property("rpoBytes", report.RpoBytes)),
            scenario.Select(phase => new XElement(
                "testcase",
                new XAttribute("classname", "drill." + scenario.Key),
                new XAttribute("name", phase.Name),
                new XAttribute("time", Seconds(phase.ElapsedMs)),
                phase.Result == DrillReport.Passed
                    ? new XElement("system-out", Xml(phase.Detail))
                    : new XElement("failure", new XAttribute("message", Xml(phase.Detail)))))))));

    private static XElement? Property(string name, object? value) =>
        value is null
            ? null
            : new XElement("property", new XAttribute("name", name), new XAttribute("value", Convert.ToString(value, CultureInfo.InvariantCulture)!));

    private static string Seconds(double ms) => (ms / 1000).ToString("0.000", CultureInfo.InvariantCulture);

    // XML has no way to write most control characters.
    private static string Xml(string text) => Output.OneLine.Of(text);
}
