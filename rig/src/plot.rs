//! Charts as SVG, readable on a light and on a dark page.

mod line;

use std::fmt::Write;

pub use line::{Line, Scale, lines};

const WIDTH: f64 = 720.0;
const LABELS: f64 = 220.0;
const FIGURES: f64 = 70.0;
const ROW: f64 = 30.0;
const TOP: f64 = 46.0;

/// One bar.
pub struct Bar {
    label: String,
    value: f64,
}

impl Bar {
    /// With what stands beside it.
    pub fn new(label: &str, value: f64) -> Self {
        Self { label: label.to_owned(), value }
    }
}

/// Horizontal bars from zero, with a line at a limit.
pub fn bars(title: &str, bars: &[Bar], limit: Option<(f64, &str)>) -> String {
    let highest = bars.iter().map(|bar| bar.value).chain(limit.map(|(at, _)| at)).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LABELS - FIGURES) / highest;
    let height = TOP + ROW * bars.len() as f64 + 26.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n\
         <style>text {{ font: 13px system-ui, sans-serif; fill: #57606a }} .title {{ font-weight: 600 }} \
         rect {{ fill: #3b82f6 }} line {{ stroke: #dc2626; stroke-dasharray: 4 3 }} .limit {{ fill: #dc2626 }} \
         @media (prefers-color-scheme: dark) {{ text {{ fill: #c9d1d9 }} }}</style>\n\
         <text class=\"title\" x=\"0\" y=\"18\">{title}</text>\n"
    );
    for (row, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * row as f64;
        let length = (bar.value * scale).max(1.0);
        // Writing into a string never fails.
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LABELS}\" y=\"{y}\" width=\"{length:.1}\" height=\"20\" rx=\"2\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>",
            LABELS - 10.0,
            y + 15.0,
            bar.label,
            LABELS + length + 8.0,
            y + 15.0,
            figure(bar.value),
        );
    }
    if let Some((at, name)) = limit {
        let x = LABELS + at * scale;
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{}\"/>\
             <text class=\"limit\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
            TOP - 8.0,
            height - 18.0,
            height - 4.0,
        );
    }
    svg + "</svg>\n"
}

/// Three digits are as many as a measurement deserves.
fn figure(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}
