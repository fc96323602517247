//! Query strings, and what is escaped in URLs.

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

/// `a%3D` as `a=`; what is no escape stays.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        let decoded = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
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

    #[test]
    fn escapes_are_decoded_and_what_is_none_stays() {
        assert_eq!(percent_decoded("L0SM9cOFvHcCIhw%3D"), "L0SM9cOFvHcCIhw=");
        assert_eq!(percent_decoded("a%zz%4"), "a%zz%4");
    }
}
