//! Lines through points, from zero up.

use std::fmt::Write;

use super::figure;
use crate::statistics::whole;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 46.0;
/// Each line has a row below the chart that names it.
const NAME: f64 = 20.0;
/// Colours that stand out from white and from black.
const COLOURS: [&str; 4] = ["#3b82f6", "#d97706", "#16a34a", "#db2777"];
/// About so many steps the upright axis has.
const STEPS: f64 = 5.0;

/// A line, by the points that it goes through.
pub struct Line {
    name: String,
    points: Vec<(f64, f64)>,
    /// Whether each point is a measurement of its own, to be seen as such.
    has_dots: bool,
}

impl Line {
    /// Through points that each stand out.
    pub fn new(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points, has_dots: true }
    }

    /// Through so many points that only their course is of interest.
    pub fn curve(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { has_dots: false, ..Self::new(name, points) }
    }
}

/// How the level axis is divided.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// From the first place.
    Logarithmic,
}

impl Scale {
    fn of(self, x: f64) -> f64 {
        match self {
            Self::Linear => x,
            Self::Logarithmic => x.max(f64::MIN_POSITIVE).log10(),
        }
    }
}

/// Draws lines. What stands on the level axis are the places of the points.
pub fn lines(title: &str, axis: &str, scale: Scale, lines: &[Line]) -> String {
    let all = || lines.iter().flat_map(|line| &line.points);
    let step = step(all().map(|(_, y)| *y).fold(f64::MIN_POSITIVE, f64::max));
    let highest = all().map(|(_, y)| (y / step).ceil() * step).fold(step, f64::max);
    let mut places: Vec<f64> = all().map(|(x, _)| *x).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let least = if scale == Scale::Linear { 0.0 } else { places.first().map_or(0.0, |x| scale.of(*x)) };
    let most = places.last().map_or(1.0, |x| scale.of(*x)).max(least + f64::MIN_POSITIVE);
    let x = |at: f64| LEFT + (scale.of(at) - least) / (most - least) * (WIDTH - LEFT - RIGHT);
    let y = |at: f64| HEIGHT - BOTTOM - at / highest * (HEIGHT - TOP - BOTTOM);
    let height = HEIGHT + NAME * lines.len() as f64;
    // Writing into a string never fails.
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n\
         <style>text {{ font: 13px system-ui, sans-serif; fill: #57606a }} .title {{ font-weight: 600 }} \
         .grid {{ stroke: #8c959f; stroke-opacity: .35 }} polyline {{ fill: none; stroke-width: 2 }} \
         @media (prefers-color-scheme: dark) {{ text {{ fill: #c9d1d9 }} }}</style>\n\
         <text class=\"title\" x=\"0\" y=\"18\">{title}</text>\n"
    );
    for number in 0..=(highest / step).round() as u32 {
        let at = f64::from(number) * step;
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            y(at),
            y(at),
            LEFT - 8.0,
            y(at) + 4.0,
            if at == at.round() { whole(at) } else { figure(at) },
        );
    }
    for (number, place) in places.iter().enumerate() {
        // Where two stand close together only one is named, the last one always.
        let is_crowded = places.get(number + 1).is_some_and(|next| x(*next) - x(*place) < 70.0);
        if !is_crowded {
            let anchor = if number + 1 == places.len() { "end" } else { "middle" };
            let at = if anchor == "end" { x(*place) + 8.0 } else { x(*place) };
            let _ = writeln!(
                svg,
                "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                HEIGHT - BOTTOM + 18.0,
                whole(*place)
            );
        }
    }
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{}\">{axis}</text>", HEIGHT - BOTTOM + 36.0);
    for (number, (line, colour)) in lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let points: Vec<String> = line.points.iter().map(|(at, of)| format!("{:.1},{:.1}", x(*at), y(*of))).collect();
        let _ = writeln!(svg, "<polyline stroke=\"{colour}\" points=\"{}\"/>", points.join(" "));
        for (at, of) in line.points.iter().filter(|_| line.has_dots) {
            let _ = writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{colour}\"/>", x(*at), y(*of));
        }
        let below = HEIGHT + NAME * number as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{}\" width=\"16\" height=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            below + 4.0,
            LEFT + 24.0,
            below + 10.0,
            line.name
        );
    }
    svg + "</svg>\n"
}

/// The distance of the lines of the grid: one, two or five times a power of ten.
fn step(highest: f64) -> f64 {
    let rough = highest / STEPS;
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough).unwrap_or(rough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_has_round_numbers() {
        assert_eq!([4.0, 31.0, 190.0, 260.0].map(step), [1.0, 10.0, 50.0, 100.0]);
    }

    #[test]
    fn a_curve_has_a_course_and_no_dots() {
        let curve = || vec![(0.0, 40.0), (1.0, 41.0), (2.0, 40.0)];
        let svg = lines("Memory", "seconds", Scale::Linear, &[Line::curve("one", curve())]);
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (1, 0));
        let svg = lines("Memory", "seconds", Scale::Linear, &[Line::new("one", curve())]);
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (1, 3));
    }

    #[test]
    fn every_point_lies_within_the_picture() {
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let line = Line::new("one", vec![(1_667.0, 91.0), (16_667.0, 88.0), (1_000_000.0, 131.0)]);
            let svg = lines("Costs", "monitors", scale, &[line]);
            let places = svg.lines().filter_map(|line| line.strip_prefix("<circle cx=\"")?.split('"').next());
            let places: Vec<f64> = places.filter_map(|place| place.parse().ok()).collect();
            assert_eq!(places.len(), 3);
            assert!(places.iter().all(|place| (LEFT..=WIDTH).contains(place)), "{places:?}");
        }
    }
}
