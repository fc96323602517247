//! Query strings.

use crate::aws::management::percent_decoded;

/// Names with all their values, decoded, in the order of their first use.
pub(crate) fn parameters(query: &str) -> Vec<(String, Vec<String>)> {
    let mut parameters: Vec<(String, Vec<String>)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| percent_decoded(&text.replace('+', " "));
        let (name, value) = (decode(name), decode(value));
        match parameters.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => parameters.push((name, vec![value])),
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_parameters_stay_together_and_are_decoded() {
        let expect = [("a", vec!["1", "x y"]), ("b", vec![""]), ("é", vec!["="])];
        let expect =
            expect.map(|(n, v)| (n.to_owned(), v.into_iter().map(str::to_owned).collect::<Vec<_>>()));
        assert_eq!(parameters("a=1&b&a=x+y&%C3%A9=%3D"), expect);
        assert!(parameters("").is_empty());
    }
}
