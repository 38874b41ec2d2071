/// An enum whose variants have names in the database, the API or the names of texts: written once, read both ways.
macro_rules! named {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $Enum:ident {
            $($(#[$documentation:meta])* $Variant:ident = $name:literal),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visibility enum $Enum { $($(#[$documentation])* $Variant),* }

        impl $Enum {
            /// All of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$Variant),*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $name),* }
            }

            /// The variant of a name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$Variant),)* _ => None }
            }
        }
    };
}

pub(crate) use named;

#[cfg(test)]
mod tests {
    named! {
        /// For the test.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Colour {
            /// One.
            Red = "red",
            /// Another.
            DarkBlue = "dark_blue",
        }
    }

    #[test]
    fn a_variant_is_read_back_by_its_name_and_by_nothing_else() {
        assert_eq!(Colour::ALL, [Colour::Red, Colour::DarkBlue]);
        for colour in Colour::ALL {
            assert_eq!(Colour::from_name(colour.name()), Some(colour));
        }
        for foreign in ["", "Red", "red ", "darkblue", "DarkBlue"] {
            assert_eq!(Colour::from_name(foreign), None);
        }
    }
}
