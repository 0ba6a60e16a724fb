//! Files of data: where they are looked for, and what of them is taken.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;

/// The values of the only column, of a config in `folder` that says `data`.
fn values(folder: &Path, data: &str) -> Result<Vec<String>, String> {
    let text = format!(
        "[environments.t]\nurl = \"http://127.0.0.1:1\"\nprofile = \"p\"\nscenarios = [\"mine\"]\n\
         [scenarios.mine]\npath = \"/{{data.x}}\"\ndata = {{ x = {data} }}\n\
         profiles = {{ p = [{{ duration = \"1s\", target = 5 }}] }}\n"
    );
    let flags = Flags { env: Some("t".to_owned()), ..Flags::default() };
    let name = folder.join("load-gate.toml").display().to_string();
    let file = UserFile { name, text };
    let sources = Sources { flags: &flags, vars: &BTreeMap::new(), file: Some(&file) };
    let resolved = resolve(&sources, Purpose::Run, 7).map_err(|problems| problems.to_string())?;
    let spec = resolved.plan.scenarios[0].settings.written.clone().expect("is written");
    Ok(spec.data["x"].values.clone())
}

#[test]
fn a_file_s_path_leads_from_the_config_s_folder_wherever_the_config_is() {
    let root = tempfile::tempdir().expect("a folder");
    let (config, beside) = (root.path().join(".github"), root.path().join("load_tests"));
    for folder in [&config, &beside, &config.join("more")] {
        std::fs::create_dir(folder).expect("made");
        std::fs::write(
            folder.join("terms.txt"),
            folder.file_name().expect("named").as_encoded_bytes(),
        )
        .expect("written");
    }
    let absolute = beside.join("terms.txt");
    for (path, from) in [
        ("terms.txt", ".github"),
        ("more/terms.txt", "more"),
        ("../load_tests/terms.txt", "load_tests"),
        (&*absolute.display().to_string(), "load_tests"),
    ] {
        let found = values(&config, &format!("{{ file = '{path}' }}"));
        assert_eq!(found.as_deref(), Ok(&[from.to_owned()][..]), "{path}");
    }
    let said = values(&config, "{ file = \"none.txt\" }").expect_err("is none");
    assert!(said.contains("`none.txt` can't be read"), "{said}");
    assert!(said.contains("expected a file, by its path from the config's folder"), "{said}");
}

#[test]
fn a_column_is_read_as_csv_and_lines_as_they_are() {
    let root = tempfile::tempdir().expect("a folder");
    let text = "\u{feff}id, term\r\n1,\"a \"\"b\"\", c\"\r\n2,d\r\n\r\n";
    std::fs::write(root.path().join("t.csv"), text).expect("written");
    let term = values(root.path(), "{ file = \"t.csv\", column = \"term\" }");
    assert_eq!(term.as_deref(), Ok(&["a \"b\", c".to_owned(), "d".to_owned()][..]));
    let lines = values(root.path(), "{ file = \"t.csv\" }").expect("are lines");
    assert_eq!(lines, ["id, term", "1,\"a \"\"b\"\", c\"", "2,d"]);
    let said = values(root.path(), "{ file = \"t.csv\", column = \"trem\" }").expect_err("is none");
    assert!(said.contains("did you mean `term`?"), "{said}");
}
