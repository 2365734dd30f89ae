//! Latency and memory against the number of agents, as a picture.

use plotters::prelude::*;
use serde_json::Value;

/// Who is drawn, in which colour.
const SUBJECTS: [(&str, RGBColor); 6] = [
    ("agentd", RGBColor(0xd6, 0x27, 0x28)),
    ("forkpty", RGBColor(0x7f, 0x7f, 0x7f)),
    ("runit", RGBColor(0x1f, 0x77, 0xb4)),
    ("s6", RGBColor(0x2c, 0xa0, 0x2c)),
    ("supervisord", RGBColor(0x94, 0x67, 0xbd)),
    ("systemd", RGBColor(0xff, 0x7f, 0x0e)),
];

/// The middle of what was measured of one life, in the unit of the panel.
type Measure = fn(&Value) -> Option<f64>;

/// Draws the figures of a run as they are in its JSON.
pub fn draw(figures: &Value, to: &str) {
    let area = SVGBackend::new(to, (1000, 420)).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let (left, right) = area.split_horizontally(500);
    panel(&left, "exit to the replacement's main, p50, ms", SeriesLabelPosition::MiddleLeft, figures, replacement);
    panel(&right, "memory of everything but the children, MB", SeriesLabelPosition::UpperLeft, figures, memory);
    area.present().unwrap();
}

fn replacement(life: &Value) -> Option<f64> {
    let mut taken: Vec<u64> = life["replaced"].as_array()?.iter().filter_map(Value::as_u64).collect();
    taken.sort_unstable();
    Some(*taken.get(taken.len().checked_sub(1)? / 2)? as f64 / 1e6)
}

fn memory(life: &Value) -> Option<f64> {
    let sum = ["rss_kib", "tmux_rss_kib", "others_pss_kib"].map(|what| life[what].as_f64().unwrap_or_default());
    Some(sum.iter().sum::<f64>() / 1024.0).filter(|sum| *sum > 0.0)
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    legend: SeriesLabelPosition,
    figures: &Value,
    measure: Measure,
) {
    let Some(sizes) = figures["nanoseconds"].as_object() else { return };
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d((0.9..1_100.0).log_scale(), (0.5..3_000.0).log_scale())
        .unwrap();
    let whole = |value: &f64| format!("{value:.0}");
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("agents").x_label_formatter(&whole).y_label_formatter(&whole).light_line_style(WHITE).draw().unwrap();
    for (name, colour) in SUBJECTS {
        let mut points: Vec<(f64, f64)> =
            sizes.iter().filter_map(|(count, lives)| Some((count.parse().ok()?, measure(lives.get(name)?)?))).collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        let width = if name == "agentd" { 3 } else { 1 };
        let line = LineSeries::new(points.clone(), colour.stroke_width(width)).point_size(3);
        chart
            .draw_series(line)
            .unwrap()
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(width)));
    }
    chart
        .configure_series_labels()
        .position(legend)
        .border_style(BLACK.mix(0.2))
        .background_style(WHITE)
        .draw()
        .unwrap();
}
